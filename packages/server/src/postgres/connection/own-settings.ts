import type { DatabaseConnection, Dialect, DialectAdapter, Driver } from "kysely";
import { SessionsError } from "@sessions/core";
import { within } from "../../time-limit.ts";
import { KnownDefaults } from "./defaults.ts";
import { KeyedQueue, TurnTimedOut } from "./keyed-queue.ts";
import { own, OwnConnection, type Settings } from "./own-connection.ts";
import type { OwnerShares } from "./owner-shares.ts";

/** How long a connection of the pool is waited for, in milliseconds. */
const CONNECTION_MS = 15_000;

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
  readonly #defaults: KnownDefaults;

  constructor(driver: Driver, options: OwnSettingsOptions, isSingle: boolean) {
    this.#driver = driver;
    this.#defaults = new KnownDefaults(driver);
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
        return new OwnConnection(this.#driver, inner, await this.#defaults.on(inner), leave, () =>
          this.#defaults.doubt(),
        );
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
      `No connection of the pool came free within ${connectionMs} ms. Make the pool larger, or look for what keeps its connections. With postgres.js leave \`fetch_types\` as it is: where it is false, \`reserve()\` gets none.`,
    );
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
