import type { PostgresPool, PostgresPoolClient } from "kysely";

/** What a `pg` client also is; another driver's may be none. */
interface EmittingClient {
  on?(event: "error", listener: () => void): unknown;
}

/** What a `pg` pool also is. */
interface EmittingPool {
  on?(event: "connect", listener: (client: PostgresPoolClient & EmittingClient) => void): unknown;
}

/**
 * The pool, with clients that may be lost at any moment. A pool listens to its idle clients alone: one that is
 * lost between two statements of a transaction, or in the moment that it is handed over, says so by an event, which
 * ends the process when nobody listens. The next statement fails by itself.
 */
export function survivingPool(pool: PostgresPool & EmittingPool): PostgresPool {
  const heard = new WeakSet<PostgresPoolClient>();
  const listen = (client: PostgresPoolClient & EmittingClient) => {
    if (!heard.has(client)) client.on?.("error", () => {});
    heard.add(client);
  };
  pool.on?.("connect", listen);
  return {
    ...(pool.Client && { Client: pool.Client }),
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      const client = await pool.connect();
      // It may have been connected before anybody listened.
      listen(client);
      return client;
    },
  };
}
