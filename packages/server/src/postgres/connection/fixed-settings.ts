import type { DatabaseConnection, Dialect, DialectAdapter, Driver } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { withTimeLimit } from "../../time-limit.ts";
import { DefaultSettingsCache } from "./default-settings.ts";
import { KeyedQueue, TurnTimedOutError } from "./keyed-queue.ts";
import { asPooled, PooledConnection, type TransactionSettings } from "./pooled-connection.ts";
import type { OwnerConnections } from "./owner-connections.ts";

/** How long a statement waits for a connection of the pool, in milliseconds. */
const CONNECTION_MS = 15_000;

export interface FixedSettingsOptions {
  /** Limits the connections of each owner. Default: no limit. */
  readonly ownerConnections?: OwnerConnections;
  /** How long a statement waits for a connection of the pool, in milliseconds. */
  readonly connectionMs?: number;
}

/**
 * A dialect that runs every statement and transaction at read committed, with the right to write, and durable. The
 * defaults of the database, the role and the connection do not matter. The SQL of this package reads after it has locked,
 * or compares and sets. Both are correct only if a statement sees everything that was committed before it.
 */
export function withFixedSettings(dialect: Dialect, options: FixedSettingsOptions = {}): Dialect {
  return {
    createAdapter: () => withOwnLock(dialect.createAdapter()),
    createDriver: () => {
      const isSingle = dialect.createAdapter().supportsMultipleConnections === false;
      return new FixedSettingsDriver(dialect.createDriver(), options, isSingle);
    },
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
  };
}

/**
 * Kysely has a lock of its own for a database with a single connection, and after one failed connect it locks for ever.
 * So Kysely is told that there are several connections, and this driver has the lock.
 */
function withOwnLock(adapter: DialectAdapter): DialectAdapter {
  return new Proxy(adapter, {
    get(target, key) {
      if (key === "supportsMultipleConnections") return true;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

class FixedSettingsDriver implements Driver {
  readonly #driver: Driver;
  readonly #options: FixedSettingsOptions;
  /** The lock of a single connection; undefined for several connections. */
  readonly #single: KeyedQueue | undefined;
  readonly #defaults: DefaultSettingsCache;

  constructor(driver: Driver, options: FixedSettingsOptions, isSingle: boolean) {
    this.#driver = driver;
    this.#defaults = new DefaultSettingsCache(driver);
    this.#options = options;
    if (isSingle) this.#single = new KeyedQueue({ concurrency: 1, waitMs: options.connectionMs ?? CONNECTION_MS });
  }

  init(): Promise<void> {
    return this.#driver.init();
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const releaseShare = await this.#options.ownerConnections?.acquire();
    let releaseSingle: (() => void) | undefined;
    const release = () => {
      releaseSingle?.();
      releaseShare?.();
    };
    try {
      releaseSingle = await this.#single?.enter("");
      const inner = await this.#connect();
      try {
        return new PooledConnection(this.#driver, inner, await this.#defaults.read(inner), release, () =>
          this.#defaults.invalidate(),
        );
      } catch (error) {
        await this.#driver.releaseConnection(inner);
        throw error;
      }
    } catch (error) {
      release();
      throw error instanceof TurnTimedOutError && releaseSingle === undefined ? this.#noneFree() : error;
    }
  }

  /** A pool waits for ever if a connection is never given back, so the wait ends here. */
  async #connect(): Promise<DatabaseConnection> {
    const { connectionMs = CONNECTION_MS } = this.#options;
    const connecting = this.#driver.acquireConnection();
    return withTimeLimit(connectionMs, connecting, () => {
      connecting.then((late) => this.#driver.releaseConnection(late)).catch(() => {});
      throw this.#noneFree();
    });
  }

  #noneFree(): SessionsError {
    const { connectionMs = CONNECTION_MS } = this.#options;
    return new SessionsError(
      "database_unreachable",
      `No connection of the pool came free within ${connectionMs} ms. Make the pool larger, or look for what keeps its connections. With postgres.js leave \`fetch_types\` as it is: where it is false, \`reserve()\` gets none.`,
    );
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    await asPooled(connection).begin(settings);
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await asPooled(connection).commit();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await asPooled(connection).rollback();
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    await asPooled(connection).release();
  }

  savepoint: NonNullable<Driver["savepoint"]> = async (connection, ...rest) => {
    await this.#driver.savepoint?.(asPooled(connection).inner, ...rest);
  };

  rollbackToSavepoint: NonNullable<Driver["rollbackToSavepoint"]> = async (connection, ...rest) => {
    await this.#driver.rollbackToSavepoint?.(asPooled(connection).inner, ...rest);
  };

  releaseSavepoint: NonNullable<Driver["releaseSavepoint"]> = async (connection, ...rest) => {
    await this.#driver.releaseSavepoint?.(asPooled(connection).inner, ...rest);
  };

  destroy(): Promise<void> {
    return this.#driver.destroy();
  }
}
