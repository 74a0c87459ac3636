import {
  PGliteAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  type TransactionSettings,
} from "kysely";

/** Asks a database, and gives the rows before it returns. */
export type QuerySync = <Row>(text: string, values: readonly unknown[]) => Row[];

/** A dialect over a database with one connection that answers before a call returns. */
export class SynchronousDialect implements Dialect {
  readonly #driver: SynchronousDriver;
  readonly #query: QuerySync;

  constructor({ query, close }: { readonly query: QuerySync; readonly close: () => Promise<void> }) {
    this.#query = query;
    this.#driver = new SynchronousDriver(query, close);
  }

  /** Undefined while a transaction is open: a statement would become a part of it. */
  get query(): QuerySync | undefined {
    return this.#driver.isInTransaction ? undefined : this.#query;
  }

  createAdapter = () => new PGliteAdapter();
  createDriver = () => this.#driver;
  createIntrospector = (db: Kysely<unknown>) => new PostgresIntrospector(db);
  createQueryCompiler = () => new PostgresQueryCompiler();
}

class SynchronousDriver implements Driver {
  readonly #query: QuerySync;
  readonly #connection: DatabaseConnection;
  readonly destroy: () => Promise<void>;
  isInTransaction = false;

  constructor(query: QuerySync, close: () => Promise<void>) {
    this.#query = query;
    this.destroy = close;
    this.#connection = {
      executeQuery: <Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> =>
        new Promise((resolve) => resolve({ rows: query<Row>(sql, parameters) })),
      streamQuery: () => {
        throw new Error("This dialect has no streams.");
      },
    };
  }

  init = () => Promise.resolve();
  acquireConnection = () => Promise.resolve(this.#connection);
  releaseConnection = () => Promise.resolve();

  async beginTransaction(_: DatabaseConnection, { isolationLevel }: TransactionSettings): Promise<void> {
    this.#query(isolationLevel ? `begin isolation level ${isolationLevel}` : "begin", []);
    this.isInTransaction = true;
  }

  async commitTransaction(): Promise<void> {
    this.#end("commit");
  }

  async rollbackTransaction(): Promise<void> {
    this.#end("rollback");
  }

  #end(statement: string): void {
    this.#query(statement, []);
    this.isInTransaction = false;
  }
}
