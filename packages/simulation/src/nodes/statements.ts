import type { DatabaseConnection, Dialect, Driver } from "kysely";

/** What becomes of a statement: it runs, it never arrives, or it takes effect and nobody hears of it. */
export type Fate = "runs" | "never arrives" | "answer lost";

export interface StatementOptions {
  /** How long the next statement takes, in milliseconds. */
  readonly latencyMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly fate: (kind: "statement" | "commit") => Fate;
}

/** A dialect whose every statement takes simulated time and may fail. */
export function withFates(dialect: Dialect, options: StatementOptions): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver: () => driverWithFates(dialect.createDriver(), options),
  };
}

function driverWithFates(driver: Driver, { latencyMs, sleep, fate }: StatementOptions): Driver {
  const originals = new WeakMap<DatabaseConnection, DatabaseConnection>();
  const of = (connection: DatabaseConnection) => originals.get(connection) ?? connection;

  async function meet<T>(kind: "statement" | "commit", run: () => Promise<T>): Promise<T> {
    await sleep(latencyMs());
    const met = fate(kind);
    if (met === "never arrives") throw lost();
    const result = await run();
    if (met === "answer lost") throw lost();
    return result;
  }

  return {
    init: (options) => driver.init(options),
    destroy: (options) => driver.destroy(options),
    releaseConnection: (connection) => driver.releaseConnection(of(connection)),
    rollbackTransaction: (connection) => driver.rollbackTransaction(of(connection)),
    beginTransaction: (connection, settings) => driver.beginTransaction(of(connection), settings),
    commitTransaction: (connection) => meet("commit", () => driver.commitTransaction(of(connection))),
    async acquireConnection(options) {
      const original = await driver.acquireConnection(options);
      const connection: DatabaseConnection = {
        executeQuery: (query) => meet("statement", () => original.executeQuery(query)),
        streamQuery: (...given) => original.streamQuery(...given),
      };
      originals.set(connection, original);
      return connection;
    },
  };
}

/** As `pg` says it. */
function lost(): Error {
  return Object.assign(new Error("Connection terminated unexpectedly"), { code: "08006" });
}
