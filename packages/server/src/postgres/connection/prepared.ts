import { hash } from "node:crypto";
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";

/** The most texts that get a name: a connection keeps what it has prepared until it ends. */
const MAX_TEXTS = 100;

/** What a `pg` client takes beside a text with its parameters. */
interface NamedQueries {
  query<R>(query: {
    readonly name: string;
    readonly text: string;
    readonly values: readonly unknown[];
  }): Promise<PostgresQueryResult<R>>;
}

/**
 * A pool whose connections parse and plan each statement on the schema's tables once, under a name. Lists of
 * varying length, and what an application sends within its hooks, pass as they are.
 */
export function preparing(pool: PostgresPool, schema: string): PostgresPool {
  const runs = new Map<string, { readonly name: string; count: number }>();
  const wrapped = new WeakMap<PostgresPoolClient, PostgresPoolClient>();

  function nameOf(text: string): string | undefined {
    let known = runs.get(text);
    if (known === undefined) {
      const ours = text.includes(`"${schema}"."`);
      if (!ours || text.includes(" in (") || runs.size === MAX_TEXTS) return undefined;
      // By the text itself: two nodes of one process may share a pool.
      known = { name: `sessions_${hash("sha256", text).slice(0, 16)}`, count: 0 };
      runs.set(text, known);
    }
    known.count += 1;
    // A plan that was made while the tables were small may read them from end to end. The name changes at the
    // 10th, the 100th, the 1,000th run, and with it the plan is made anew.
    return `${known.name}_${String(known.count).length}`;
  }

  function wrap(client: PostgresPoolClient): PostgresPoolClient {
    const query = ((text: unknown, parameters?: readonly unknown[]) => {
      const name = typeof text === "string" && parameters !== undefined && parameters.length > 0 && nameOf(text);
      return name
        ? (client as unknown as NamedQueries).query({ name, text, values: parameters })
        : client.query(text as string, parameters ?? []);
    }) as PostgresPoolClient["query"];
    return { query, release: (destroy) => client.release(destroy) };
  }

  return {
    options: pool.options,
    ...(pool.Client && { Client: pool.Client }),
    end: () => pool.end(),
    connect: async () => {
      const client = await pool.connect();
      let mine = wrapped.get(client);
      if (mine === undefined) wrapped.set(client, (mine = wrap(client)));
      return mine;
    },
  };
}
