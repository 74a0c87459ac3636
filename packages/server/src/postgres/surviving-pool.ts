import type { PostgresPool, PostgresPoolClient } from "kysely";

/** What a `pg` client also is; another driver's may be none. */
interface Emitting {
  on?(event: "error", listener: () => void): unknown;
}

/**
 * The pool, with clients that may be lost at any moment. A pool listens to its idle clients alone: one that is
 * lost between two statements of a transaction says so by an event, which ends the process when nobody
 * listens. The next statement fails by itself.
 */
export function survivingPool(pool: PostgresPool): PostgresPool {
  const heard = new WeakSet<PostgresPoolClient>();
  return {
    ...(pool.Client && { Client: pool.Client }),
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      const client: PostgresPoolClient & Emitting = await pool.connect();
      if (!heard.has(client)) client.on?.("error", () => {});
      heard.add(client);
      return client;
    },
  };
}
