import { Client, Pool, type PoolConfig } from "pg";

/** A statement as it was sent. */
export interface Sent {
  readonly text: string;
  readonly values: readonly unknown[];
  /** The number of rows that came back. It is missing until they have. */
  rows?: number;
}

/**
 * A pool that records every statement that its connections send to Postgres, in order, with its values.
 *
 * @example
 * const { pool, sent } = recordingPool({ connectionString: url });
 * await pool.query("select $1::int", [7]);
 * expect(sent).toEqual([{ text: "select $1::int", values: [7], rows: 1 }]);
 */
export function recordingPool(config: PoolConfig): { readonly pool: Pool; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  class RecordingClient extends Client {
    // All overloads of the driver end in this one call. Its arguments are passed on unchanged.
    override query = ((...given: unknown[]) => {
      const [query, values] = given;
      const each: Sent =
        typeof query === "string"
          ? { text: query, values: Array.isArray(values) ? values : [] }
          : sentBy(query as { readonly text: string; readonly values?: readonly unknown[] }, values);
      sent.push(each);
      const answer = Reflect.apply(Client.prototype.query, this, given) as unknown;
      const count = ({ rows }: { readonly rows: readonly unknown[] }) => void (each.rows = rows.length);
      if (answer instanceof Promise) answer.then(count, () => {});
      return answer;
    }) as Client["query"];
  }
  const pool = new Pool({ ...config, Client: RecordingClient });
  pool.on("error", () => {});
  return { pool, sent };
}

function sentBy(query: { readonly text: string; readonly values?: readonly unknown[] }, values: unknown): Sent {
  return { text: query.text, values: query.values ?? (Array.isArray(values) ? values : []) };
}
