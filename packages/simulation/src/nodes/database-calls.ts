import type { DatabaseConnection, Dialect, Driver } from "kysely";

/** Taken before anything replaces it: one turn of the real event loop. */
const nextTurn = globalThis.setImmediate;

/** If no call begins or ends for so long, in real milliseconds, the calls in flight are taken to wait for a lock. */
const QUIET_MS = 25;

/** One turn of the event loop: enough where everything is answered within microtasks. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => void nextTurn(resolve));
}

/** The calls in flight to a database that answers in its own time. */
export class DatabaseCalls {
  readonly #inFlight = new Set<Promise<unknown>>();
  #changedMs = 0;

  /**
   * Resolves when every call has its answer, and all work that follows has finished. It does not wait for calls that wait
   * for a lock: the holder of the lock may wait for simulated time.
   */
  async waitUntilIdle(): Promise<void> {
    await eventLoopTurn();
    while (this.#inFlight.size > 0 && performance.now() - this.#changedMs < QUIET_MS) await eventLoopTurn();
    await eventLoopTurn();
  }

  /** A dialect like this one, of which every call is counted. */
  countCallsOf(dialect: Dialect): Dialect {
    return {
      createAdapter: () => dialect.createAdapter(),
      createIntrospector: (db) => dialect.createIntrospector(db),
      createQueryCompiler: () => dialect.createQueryCompiler(),
      createDriver: () => this.#driver(dialect.createDriver()),
    };
  }

  #driver(driver: Driver): Driver {
    const originals = new WeakMap<DatabaseConnection, DatabaseConnection>();
    const of = (connection: DatabaseConnection) => originals.get(connection) ?? connection;
    return {
      init: (options) => this.#count(driver.init(options)),
      destroy: (options) => this.#count(driver.destroy(options)),
      releaseConnection: (connection) => this.#count(driver.releaseConnection(of(connection))),
      rollbackTransaction: (connection) => this.#count(driver.rollbackTransaction(of(connection))),
      beginTransaction: (connection, settings) => this.#count(driver.beginTransaction(of(connection), settings)),
      commitTransaction: (connection) => this.#count(driver.commitTransaction(of(connection))),
      acquireConnection: async (options) => {
        const original = await this.#count(driver.acquireConnection(options));
        const connection: DatabaseConnection = {
          executeQuery: (query) => this.#count(original.executeQuery(query)),
          streamQuery: (...given) => original.streamQuery(...given),
        };
        originals.set(connection, original);
        return connection;
      },
    };
  }

  async #count<T>(work: Promise<T>): Promise<T> {
    this.#inFlight.add(work);
    this.#changedMs = performance.now();
    try {
      return await work;
    } finally {
      this.#inFlight.delete(work);
      this.#changedMs = performance.now();
    }
  }
}
