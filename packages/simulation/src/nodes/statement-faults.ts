import type { DatabaseConnection, Dialect, Driver } from "kysely";

/** How a statement ends: it runs, it never reaches the database, or it takes effect and its answer is lost. */
export type StatementResult = "runs" | "never arrives" | "answer lost";

export interface StatementFaultsOptions {
  /** How long the next statement takes, in milliseconds. */
  readonly latencyMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly resultOf: (kind: "statement" | "commit") => StatementResult;
}

/**
 * A dialect whose statements and commits take simulated time and may fail, as on a broken connection.
 *
 * For example, a node commits a submission and `resultOf("commit")` is `"answer lost"`: the database has the submission,
 * and the node gets an error. It must not report a refusal then, and a repeat must get the first outcome.
 */
export function withStatementFaults(dialect: Dialect, options: StatementFaultsOptions): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver: () => withDriverFaults(dialect.createDriver(), options),
  };
}

function withDriverFaults(driver: Driver, { latencyMs, sleep, resultOf }: StatementFaultsOptions): Driver {
  const originals = new WeakMap<DatabaseConnection, DatabaseConnection>();
  const of = (connection: DatabaseConnection) => originals.get(connection) ?? connection;

  async function execute<T>(kind: "statement" | "commit", run: () => Promise<T>): Promise<T> {
    await sleep(latencyMs());
    const result = resultOf(kind);
    if (result === "never arrives") throw connectionLost();
    const answer = await run();
    if (result === "answer lost") throw connectionLost();
    return answer;
  }

  return {
    init: (options) => driver.init(options),
    destroy: (options) => driver.destroy(options),
    releaseConnection: (connection) => driver.releaseConnection(of(connection)),
    rollbackTransaction: (connection) => driver.rollbackTransaction(of(connection)),
    beginTransaction: (connection, settings) => driver.beginTransaction(of(connection), settings),
    commitTransaction: (connection) => execute("commit", () => driver.commitTransaction(of(connection))),
    async acquireConnection(options) {
      const original = await driver.acquireConnection(options);
      const connection: DatabaseConnection = {
        executeQuery: (query) => execute("statement", () => original.executeQuery(query)),
        streamQuery: (...given) => original.streamQuery(...given),
      };
      originals.set(connection, original);
      return connection;
    },
  };
}

/** The error that `pg` gives for a broken connection. */
function connectionLost(): Error {
  return Object.assign(new Error("Connection terminated unexpectedly"), { code: "08006" });
}
