import { Client, Pool, type PoolConfig } from "pg";

/** A statement as it was sent. */
export interface Sent {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A pool that notes what its connections really send, in order. */
export function recordingPool(config: PoolConfig): { readonly pool: Pool; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  class RecordingClient extends Client {
    // The driver's own overloads end in this one call; what it is given passes through untouched.
    override query = ((...given: unknown[]) => {
      const [query, values] = given;
      if (typeof query === "string") sent.push({ text: query, values: Array.isArray(values) ? values : [] });
      else sent.push(sentBy(query as { readonly text: string; readonly values?: readonly unknown[] }, values));
      return Reflect.apply(Client.prototype.query, this, given) as unknown;
    }) as Client["query"];
  }
  const pool = new Pool({ ...config, Client: RecordingClient });
  pool.on("error", () => {});
  return { pool, sent };
}

function sentBy(query: { readonly text: string; readonly values?: readonly unknown[] }, values: unknown): Sent {
  return { text: query.text, values: query.values ?? (Array.isArray(values) ? values : []) };
}
