import type { DatabaseConnection, Dialect, Driver } from "kysely";

/** What a driver is asked. A call of the last kind may hold no statement at all. */
export type CallKind = "begin" | "statement" | "commit" | "rollback" | "connection";

/** Runs a call of a driver, or does something else in its place. */
export type AroundCall = <T>(kind: CallKind, run: () => Promise<T>) => Promise<T>;

/** A dialect like this one, each call of which goes through `around`. */
export function aroundCalls(dialect: Dialect, around: AroundCall): Dialect {
  return {
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createDriver: () => aroundCallsOf(dialect.createDriver(), around),
  };
}

function aroundCallsOf(driver: Driver, around: AroundCall): Driver {
  const originals = new WeakMap<DatabaseConnection, DatabaseConnection>();
  const of = (connection: DatabaseConnection) => originals.get(connection) ?? connection;
  return {
    init: (options) => around("connection", () => driver.init(options)),
    destroy: (options) => around("connection", () => driver.destroy(options)),
    releaseConnection: (connection) => around("connection", () => driver.releaseConnection(of(connection))),
    beginTransaction: (connection, settings) =>
      around("begin", () => driver.beginTransaction(of(connection), settings)),
    commitTransaction: (connection) => around("commit", () => driver.commitTransaction(of(connection))),
    rollbackTransaction: (connection) => around("rollback", () => driver.rollbackTransaction(of(connection))),
    async acquireConnection(options) {
      const original = await around("connection", () => driver.acquireConnection(options));
      const connection: DatabaseConnection = {
        executeQuery: (query) => around("statement", () => original.executeQuery(query)),
        streamQuery: (...given) => original.streamQuery(...given),
      };
      originals.set(connection, original);
      return connection;
    },
  };
}
