import { hash } from "node:crypto";
import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from "kysely";

/** The most statements that get a name: a connection keeps its prepared statements until it ends. */
const MAX_TEXTS = 100;

/** A `pg` client also takes a query with a name. */
interface NamedQueries {
  query<R>(query: {
    readonly name: string;
    readonly text: string;
    readonly values: readonly unknown[];
  }): Promise<PostgresQueryResult<R>>;
}

/**
 * A pool whose connections parse and plan each statement on the schema's tables once, under a name. Statements with lists
 * of varying length, and the statements of an application's handlers, are not prepared.
 */
export function withPreparedStatements(pool: PostgresPool, schema: string): PostgresPool {
  const runs = new Map<string, { readonly name: string; count: number }>();
  const wrapped = new WeakMap<PostgresPoolClient, PostgresPoolClient>();

  function nameOf(text: string): string | undefined {
    let known = runs.get(text);
    if (known === undefined) {
      const isOwn = text.includes(`"${schema}"."`);
      if (!isOwn || text.includes(" in (") || runs.size === MAX_TEXTS) return undefined;
      // The name comes from the text: two nodes of one process may share a pool.
      known = { name: `sessions_${hash("sha256", text).slice(0, 16)}`, count: 0 };
      runs.set(text, known);
    }
    known.count += 1;
    // A plan that was made for small tables may scan them completely. The name changes at the 10th, the 100th and the
    // 1,000th run, so that Postgres makes a new plan then.
    return `${known.name}_${String(known.count).length}`;
  }

  function wrap(client: PostgresPoolClient): PostgresPoolClient {
    const query = ((text: unknown, parameters?: readonly unknown[]) => {
      const name = typeof text === "string" && parameters !== undefined && parameters.length > 0 && nameOf(text);
      // A client of `pg` also takes an object with a name. Kysely's type does not say so.
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
