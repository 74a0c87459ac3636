import { CompiledQuery, type DatabaseConnection, type Driver, type QueryResult } from "kysely";
import { within } from "../../time-limit.ts";
import { tellsOfDefaults, type Defaults } from "./defaults.ts";
import { inTransaction } from "./transaction.ts";

export type Settings = Parameters<Driver["beginTransaction"]>[1];

/** How long a rollback is waited for, in milliseconds: a connection may hang. */
const ROLLBACK_MS = 1_000;

/** A connection of the pool for as long as it is held, and the transaction on it. */
export class OwnConnection implements DatabaseConnection {
  readonly inner: DatabaseConnection;
  readonly #driver: Driver;
  readonly #defaults: Defaults;
  readonly #leave: () => void;
  readonly #doubt: () => void;
  #state: "alone" | "begun" | "ended" = "alone";
  /** Whether it is used beyond one transaction: what comes after that is not the transaction's, late. */
  #shared = false;
  /** The statement before, where each takes several. */
  #last: Promise<unknown> = Promise.resolve();
  /** What has been sent and not been answered in time. */
  #hanging: Promise<unknown> = Promise.resolve();

  constructor(driver: Driver, inner: DatabaseConnection, defaults: Defaults, leave: () => void, doubt: () => void) {
    this.#driver = driver;
    this.inner = inner;
    this.#defaults = defaults;
    this.#leave = leave;
    this.#doubt = doubt;
  }

  /** Several at once, where the driver pipelines and they are not in a transaction each. */
  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (this.#state === "ended") {
      throw new Error(
        "This transaction has ended: a handler went on using `tx` after it had returned or run out of time.",
      );
    }
    if (this.#state === "alone") this.#shared = true;
    if (this.#state === "alone" && !this.#defaults.fit) return this.#executeAlone<R>(query);
    try {
      return await this.inner.executeQuery<R>(query);
    } catch (error) {
      if (!tellsOfDefaults(error)) throw error;
      this.#doubt();
      if (this.#state !== "alone") throw error;
      // The defaults were changed since they were asked for, and nothing was done.
      return this.#executeAlone<R>(query);
    }
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.inner.streamQuery<R>(query, chunkSize);
  }

  async begin({ isolationLevel = "read committed", accessMode }: Settings): Promise<void> {
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
    // A statement that still runs is before it on the connection, which is kept until both have been answered.
    const answered = rolledBack.then(() => true);
    if ((await within(ROLLBACK_MS, answered)) === undefined) this.#hanging = rolledBack;
    else if (this.#shared) this.#state = "alone";
  }

  async release(): Promise<void> {
    this.#state = "ended";
    const release = async () => {
      try {
        await this.#driver.releaseConnection(this.inner);
      } finally {
        this.#leave();
      }
    };
    const hanging = this.#hanging.catch(() => {}).then(release);
    // Nobody waits for a connection that hangs.
    await within(ROLLBACK_MS, hanging);
  }

  /** In a transaction of its own. */
  #executeAlone<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const begin = () => this.#begin("read committed", undefined);
    const execute = () => this.inner.executeQuery<R>(query);
    const answer = this.#last.then(() => inTransaction(this.#driver, this.inner, begin, execute));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #begin(isolationLevel: Settings["isolationLevel"], asked: Settings["accessMode"]): Promise<void> {
    const { readOnly, settings, obedient } = this.#defaults;
    const accessMode = asked ?? (readOnly ? "read write" : undefined);
    await this.#driver.beginTransaction(this.inner, {
      ...(isolationLevel && { isolationLevel }),
      ...(accessMode && { accessMode }),
    });
    const say = (text: string) => this.inner.executeQuery(CompiledQuery.raw(text));
    try {
      if (!obedient)
        await say(`set transaction isolation level ${isolationLevel}${accessMode ? `, ${accessMode}` : ""}`);
      const set = settings.map(([name, value]) => `set_config('${name}', '${value}', true)`);
      if (set.length > 0) await say(`select ${set.join(", ")}`);
    } catch (error) {
      await this.#driver.rollbackTransaction(this.inner).catch(() => {});
      throw error;
    }
  }
}

export function own(connection: DatabaseConnection): OwnConnection {
  if (connection instanceof OwnConnection) return connection;
  throw new Error("A connection of another driver.");
}
