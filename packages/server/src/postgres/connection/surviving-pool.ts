import type { PostgresPool, PostgresPoolClient } from "kysely";

/** What a `pg` client also is; another driver's may be none. */
interface EmittingClient {
  on?(event: "error", listener: () => void): unknown;
}

/** What a `pg` pool also is. */
interface EmittingPool {
  on?(event: "connect", listener: Listener): unknown;
  off?(event: "connect", listener: Listener): unknown;
}

type Listener = (client: PostgresPoolClient & EmittingClient) => void;

const heard = new WeakSet<PostgresPoolClient>();

const listen: Listener = (client) => {
  if (!heard.has(client)) client.on?.("error", () => {});
  heard.add(client);
};

/** How many use each pool: however many do, it is listened to once. */
const users = new WeakMap<object, number>();

/**
 * The pool, with clients that may be lost at any moment. A pool listens to its idle clients alone: one that is
 * lost between two statements of a transaction, or in the moment that it is handed over, says so by an event, which
 * ends the process when nobody listens. The next statement fails by itself.
 */
export function survivingPool(pool: PostgresPool & EmittingPool): PostgresPool {
  const others = users.get(pool) ?? 0;
  if (others === 0) pool.on?.("connect", listen);
  users.set(pool, others + 1);
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

/** Ends what {@link survivingPool} began: the last of a pool's users leaves no listener on it. */
export function leavePool(pool: object & EmittingPool): void {
  const others = (users.get(pool) ?? 1) - 1;
  if (others > 0) users.set(pool, others);
  else if (users.delete(pool)) pool.off?.("connect", listen);
}
