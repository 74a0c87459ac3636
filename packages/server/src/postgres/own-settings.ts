import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type QueryResult,
} from "kysely";
import { SessionsError } from "@sessions/core";
import { within } from "../time-limit.ts";
import { KeyedQueue, TurnTimedOut } from "./keyed-queue.ts";
import type { OwnerShares } from "./owner-shares.ts";

type Settings = Parameters<Driver["beginTransaction"]>[1];

/** How long what was asked of a database's defaults is believed, in milliseconds. */
const BELIEVED_MS = 60_000;

/** How long a connection of the pool is waited for, in milliseconds. */
const CONNECTION_MS = 15_000;

/** How long a rollback is waited for, in milliseconds: a connection may hang. */
const ROLLBACK_MS = 1_000;

/** How long one of our transactions may wait for this process, where a default bounds it, in milliseconds. */
const IDLE_MS = 60_000;

/** What a statement gets where nobody says otherwise: by server, database, role or connection. */
interface Defaults {
  /** Whether a statement on its own is as it has to be: at read committed, writing, durable and patient. */
  readonly fit: boolean;
  readonly readOnly: boolean;
  /** What each transaction has to set otherwise. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Whether the driver begins a transaction at the level that it is told. */
  readonly obedient: boolean;
}

/** In a transaction that was begun at repeatable read. */
const ask = `
  select current_setting('transaction_isolation') as level,
    current_setting('default_transaction_isolation') as isolation,
    current_setting('default_transaction_read_only') as readonly,
    current_setting('synchronous_commit') as synchronous,
    current_setting('lock_timeout') as lock,
    current_setting('idle_in_transaction_session_timeout') as idle,
    coalesce(current_setting('transaction_timeout', true), '0') as whole,
    pg_is_in_recovery()::text as replica`;

export interface OwnSettingsOptions {
  /** What each owner may hold of the connections. Default: no bound. */
  readonly shares?: OwnerShares;
  /** How long a connection of the pool is waited for, in milliseconds. */
  readonly connectionMs?: number;
}

/**
 * The dialect with every statement and transaction at read committed, writing and durable, whatever the database's,
 * the role's or the connection's defaults are. What is right here reads after it has locked, or compares and sets:
 * both need a statement to see what was committed before it.
 */
export function withOwnSettings(dialect: Dialect, options: OwnSettingsOptions = {}): Dialect {
  return {
    createAdapter: () => sharedByOurselves(dialect.createAdapter()),
    createDriver: () => {
      const isSingle = dialect.createAdapter().supportsMultipleConnections === false;
      return new OwnSettingsDriver(dialect.createDriver(), options, isSingle);
    },
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
  };
}

/**
 * Kysely lets one after another have an only connection, and nobody any more once it could not be had. Here the next
 * one may try.
 */
function sharedByOurselves(adapter: DialectAdapter): DialectAdapter {
  return new Proxy(adapter, {
    get(target, key) {
      if (key === "supportsMultipleConnections") return true;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

class OwnSettingsDriver implements Driver {
  readonly #driver: Driver;
  readonly #options: OwnSettingsOptions;
  /** Who has the only connection; undefined where there are several. */
  readonly #single: KeyedQueue | undefined;
  #asked: { readonly atMs: number; readonly defaults: Promise<Defaults> } | undefined;

  constructor(driver: Driver, options: OwnSettingsOptions, isSingle: boolean) {
    this.#driver = driver;
    this.#options = options;
    if (isSingle) this.#single = new KeyedQueue({ atOnce: 1, waitMs: options.connectionMs ?? CONNECTION_MS });
  }

  init(): Promise<void> {
    return this.#driver.init();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const leaveShare = await this.#options.shares?.enter();
    let leaveSingle: (() => void) | undefined;
    const leave = () => {
      leaveSingle?.();
      leaveShare?.();
    };
    try {
      leaveSingle = await this.#single?.enter("");
      const inner = await this.#connect();
      try {
        return new OwnConnection(this.#driver, inner, await this.#defaultsOn(inner), leave, () => this.#doubt());
      } catch (error) {
        await this.#driver.releaseConnection(inner);
        throw error;
      }
    } catch (error) {
      leave();
      throw error instanceof TurnTimedOut && leaveSingle === undefined ? this.#noneFree() : error;
    }
  }

  /** A pool waits for ever for a connection that somebody does not give back. */
  async #connect(): Promise<DatabaseConnection> {
    const { connectionMs = CONNECTION_MS } = this.#options;
    const connecting = this.#driver.acquireConnection();
    const connection = await within(connectionMs, connecting);
    if (connection !== undefined) return connection;
    connecting.then((late) => this.#driver.releaseConnection(late)).catch(() => {});
    throw this.#noneFree();
  }

  #noneFree(): SessionsError {
    const { connectionMs = CONNECTION_MS } = this.#options;
    return new SessionsError(
      "database_unreachable",
      `No connection of the pool came free within ${connectionMs} ms. Make the pool larger, or look for what keeps its connections.`,
    );
  }

  async #defaultsOn(connection: DatabaseConnection): Promise<Defaults> {
    const nowMs = performance.now();
    if (this.#asked === undefined || this.#asked.atMs < nowMs - BELIEVED_MS) {
      this.#asked = { atMs: nowMs, defaults: this.#ask(connection) };
    }
    try {
      return await this.#asked.defaults;
    } catch (error) {
      this.#doubt();
      throw error;
    }
  }

  async #ask(connection: DatabaseConnection): Promise<Defaults> {
    const begin = () => this.#driver.beginTransaction(connection, { isolationLevel: "repeatable read" });
    const { rows } = await inTransaction(this.#driver, connection, begin, () =>
      connection.executeQuery<Record<string, string>>(CompiledQuery.raw(ask)),
    );
    const { level, isolation, readonly, synchronous, lock, idle, whole, replica } = rows[0] ?? {};
    if (level === undefined) {
      throw new SessionsError(
        "configuration_invalid",
        "`database` renames the columns of results; give it a driver that leaves them as they are.",
      );
    }
    // A replica cannot be written to; what is read there is read as it is.
    const readOnly = readonly === "on" && replica !== "true";
    const settings: [string, string][] = [];
    if (synchronous === "off") settings.push(["synchronous_commit", "on"]);
    if (lock !== "0") settings.push(["lock_timeout", "0"]);
    if (whole !== "0") settings.push(["transaction_timeout", "0"]);
    const fit = isolation === "read committed" && !readOnly && settings.length === 0;
    if (idle !== "0") settings.push(["idle_in_transaction_session_timeout", String(IDLE_MS)]);
    return { fit, readOnly, settings, obedient: level === "repeatable read" };
  }

  /** Somebody may have changed the defaults. */
  #doubt(): void {
    this.#asked = undefined;
  }

  async beginTransaction(connection: DatabaseConnection, settings: Settings): Promise<void> {
    await own(connection).begin(settings);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await own(connection).commit();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await own(connection).rollback();
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await own(connection).release();
  }

  savepoint: NonNullable<Driver["savepoint"]> = async (connection, ...rest) => {
    await this.#driver.savepoint?.(own(connection).inner, ...rest);
  };

  rollbackToSavepoint: NonNullable<Driver["rollbackToSavepoint"]> = async (connection, ...rest) => {
    await this.#driver.rollbackToSavepoint?.(own(connection).inner, ...rest);
  };

  releaseSavepoint: NonNullable<Driver["releaseSavepoint"]> = async (connection, ...rest) => {
    await this.#driver.releaseSavepoint?.(own(connection).inner, ...rest);
  };

  destroy(): Promise<void> {
    return this.#driver.destroy();
  }
}

/** A connection of the pool for as long as it is held, and the transaction on it. */
class OwnConnection implements DatabaseConnection {
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

/** What cannot be committed is rolled back: a driver may hold its database for a transaction until that has ended. */
async function inTransaction<T>(
  driver: Driver,
  connection: DatabaseConnection,
  begin: () => Promise<void>,
  work: () => Promise<T>,
): Promise<T> {
  await begin();
  try {
    const result = await work();
    await driver.commitTransaction(connection);
    return result;
  } catch (error) {
    await driver.rollbackTransaction(connection).catch(() => {});
    throw error;
  }
}

function own(connection: DatabaseConnection): OwnConnection {
  if (connection instanceof OwnConnection) return connection;
  throw new Error("A connection of another driver.");
}

/** Whether a default that is another by now may be why a statement failed: its level, its right to write, its patience. */
function tellsOfDefaults(error: unknown): boolean {
  return /^(40001|25006|55P03)$/.test(String((error as { code?: unknown } | null)?.code));
}
