import { CompiledQuery, type DatabaseConnection, type Driver, type QueryResult } from "kysely";
import { withTimeLimit } from "../../time-limit.ts";
import { mayComeFromDefaultSettings, type DefaultSettings } from "./default-settings.ts";
import { inTransaction } from "./transaction.ts";

export type TransactionSettings = Parameters<Driver["beginTransaction"]>[1];

/** How long the answer to a rollback may take, in milliseconds. A connection may hang. */
const ROLLBACK_MS = 1_000;

/** A connection of the pool while it is in use, and the transaction on it. */
export class PooledConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection;
  readonly #driver: Driver;
  readonly #defaults: DefaultSettings;
  readonly #release: () => void;
  readonly #invalidateDefaults: () => void;
  #state: "alone" | "begun" | "ended" = "alone";
  /** Whether it is used outside of a transaction too: then a statement after the transaction's end is allowed. */
  #shared = false;
  /** The statement before this one, when each needs a transaction of its own. */
  #last: Promise<unknown> = Promise.resolve();
  /** A rollback that was not answered in time. */
  #hanging: Promise<unknown> = Promise.resolve();

  constructor(
    driver: Driver,
    inner: DatabaseConnection,
    defaults: DefaultSettings,
    release: () => void,
    invalidateDefaults: () => void,
  ) {
    this.#driver = driver;
    this.inner = inner;
    this.#defaults = defaults;
    this.#release = release;
    this.#invalidateDefaults = invalidateDefaults;
  }

  /** Several statements may run at once, if the driver pipelines and none needs a transaction of its own. */
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#state === "ended") {
      throw new Error(
        "This transaction has ended: a handler went on using `tx` after it had returned or run out of time.",
      );
    }
    if (this.#state === "alone") this.#shared = true;
    if (this.#state === "alone" && !this.#defaults.areSuitable) return this.#executeAlone<R>(query);
    try {
      return await this.inner.executeQuery<R>(query);
    } catch (error) {
      if (!mayComeFromDefaultSettings(error)) throw error;
      this.#invalidateDefaults();
      if (this.#state !== "alone") throw error;
      // The defaults have changed since they were read, and the statement had no effect.
      return this.#executeAlone<R>(query);
    }
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.inner.streamQuery<R>(query, chunkSize);
  }

  async begin({ isolationLevel = "read committed", accessMode }: TransactionSettings): Promise<void> {
    await this.#begin(isolationLevel, accessMode);
    this.#state = "begun";
  }

  async commit(): Promise<void> {
    this.#state = "ended";
    await this.#driver.commitTransaction(this.inner);
    if (this.#shared) this.#state = "alone";
  }

  async rollback(): Promise<void> {
    this.#state = "ended";
    const rolledBack = this.#driver.rollbackTransaction(this.inner);
    // A statement may still run on the connection before the rollback. The connection is kept until both are answered.
    const answered = rolledBack.then(() => true);
    const isAnswered = await withTimeLimit(ROLLBACK_MS, answered, () => false);
    if (!isAnswered) this.#hanging = rolledBack;
    else if (this.#shared) this.#state = "alone";
  }

  async release(): Promise<void> {
    this.#state = "ended";
    const release = async () => {
      try {
        await this.#driver.releaseConnection(this.inner);
      } finally {
        this.#release();
      }
    };
    const hanging = this.#hanging.catch(() => {}).then(release);
    // A connection that hangs is not waited for.
    await withTimeLimit(ROLLBACK_MS, hanging, () => {});
  }

  /** In a transaction of its own. */
  #executeAlone<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const begin = () => this.#begin("read committed", undefined);
    const execute = () => this.inner.executeQuery<R>(query);
    const answer = this.#last.then(() => inTransaction(this.#driver, this.inner, begin, execute));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #begin(
    isolationLevel: TransactionSettings["isolationLevel"],
    asked: TransactionSettings["accessMode"],
  ): Promise<void> {
    const { readOnly, settings, obeysIsolation } = this.#defaults;
    const accessMode = asked ?? (readOnly ? "read write" : undefined);
    await this.#driver.beginTransaction(this.inner, {
      ...(isolationLevel && { isolationLevel }),
      ...(accessMode && { accessMode }),
    });
    const execute = (text: string) => this.inner.executeQuery(CompiledQuery.raw(text));
    try {
      if (!obeysIsolation)
        await execute(`set transaction isolation level ${isolationLevel}${accessMode ? `, ${accessMode}` : ""}`);
      const set = settings.map(([name, value]) => `set_config('${name}', '${value}', true)`);
      if (set.length > 0) await execute(`select ${set.join(", ")}`);
    } catch (error) {
      await this.#driver.rollbackTransaction(this.inner).catch(() => {});
      throw error;
    }
  }
}

export function asPooled(connection: DatabaseConnection): PooledConnection {
  if (connection instanceof PooledConnection) return connection;
  throw new Error("A connection of another driver.");
}
