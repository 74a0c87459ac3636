import { Client, Pool, type PoolConfig } from "pg";

/** A statement that waits. */
export interface PausedStatement {
  /** Resolves when it waits. Postgres has not got it. */
  readonly reached: Promise<void>;
  /** Sends it. */
  resume(): void;
}

/** A pool of which a test can hold back a statement. */
export interface PausingPool {
  readonly pool: Pool;
  /** Holds back the next statement that matches. */
  pauseAt(statement: RegExp): PausedStatement;
}

export function pausingPool(config: PoolConfig): PausingPool {
  let next: { readonly statement: RegExp; readonly reach: () => void; readonly resumed: Promise<void> } | undefined;
  class PausingClient extends Client {
    // All overloads of the driver end in this one call. Its arguments are passed on unchanged.
    override query = ((...given: unknown[]) => {
      const send = () => Reflect.apply(Client.prototype.query, this, given) as Promise<unknown>;
      const [query] = given;
      const text = typeof query === "string" ? query : (query as { readonly text: string }).text;
      if (next === undefined || !next.statement.test(text)) return send();
      const { reach, resumed } = next;
      next = undefined;
      reach();
      return resumed.then(send);
    }) as Client["query"];
  }
  const pool = new Pool({ ...config, Client: PausingClient });
  pool.on("error", () => {});
  return {
    pool,
    pauseAt(statement) {
      const [reached, resumed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      next = { statement, reach: reached.resolve, resumed: resumed.promise };
      return { reached: reached.promise, resume: resumed.resolve };
    },
  };
}
