import type { PostgresPool, PostgresPoolClient } from "kysely";

/** A `pg` client also emits events. The client of another driver may not. */
interface EmittingClient {
  on?(event: "error", listener: () => void): unknown;
}

/** A `pg` pool also emits events. */
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

/** How many nodes use each pool. It gets one listener, no matter how many they are. */
const users = new WeakMap<object, number>();

/**
 * A pool with a listener for the errors of its clients. Without one, an error event ends the process. A pool itself
 * listens to its idle clients only: a client may also lose its connection between two statements of a transaction, or
 * while it is handed over. The listener does nothing, because the next statement fails anyway.
 */
export function withClientErrorListeners(pool: PostgresPool & EmittingPool): PostgresPool {
  const others = users.get(pool) ?? 0;
  if (others === 0) pool.on?.("connect", listen);
  users.set(pool, others + 1);
  return {
    ...(pool.Client && { Client: pool.Client }),
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      const client = await pool.connect();
      // The client may have connected before the pool had a listener.
      listen(client);
      return client;
    },
  };
}

/** Undoes {@link withClientErrorListeners}: after the last node of a pool, the pool has no listener left. */
export function removeClientErrorListeners(pool: object & EmittingPool): void {
  const others = (users.get(pool) ?? 1) - 1;
  if (others > 0) users.set(pool, others);
  else if (users.delete(pool)) pool.off?.("connect", listen);
}
