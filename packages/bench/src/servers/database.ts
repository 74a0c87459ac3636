import { Client, Pool } from "pg";
// A tool of the server's tests. Applications do not need it, so the package does not export it.
import { startPostgres } from "../../../server/src/testing/embedded/postgres-server.ts";

/** Settings other than PostgreSQL's defaults. `fsync`, `full_page_writes` and `synchronous_commit` stay on. */
export const settings = ["shared_buffers=1GB", "max_wal_size=8GB", "max_connections=300"];

/** The connections in each variant's pool: the default of the `pg` driver. */
export const POOL_SIZE = 10;

/** A PostgreSQL 18 that waits for the disk, as in production. */
export interface DurablePostgres {
  /** An empty database of this name. */
  create(name: string): Promise<{ readonly pool: Pool; readonly url: string }>;
  /** Another pool to a database that was created. Postgres lists its connections under the name of an application. */
  open(name: string, application?: string): { readonly pool: Pool; readonly url: string };
  /** Closes all pools, and stops the server. */
  stop(): Promise<void>;
}

export async function startDurablePostgres(): Promise<DurablePostgres> {
  const server = await startPostgres(settings);
  const pools: Pool[] = [];
  const open = (name: string, application?: string) => {
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    // The processor time of a connection that is closed could not be read any more.
    const kept = application !== undefined && { application_name: application, idleTimeoutMillis: 0 };
    const pool = new Pool({ connectionString: url.href, max: POOL_SIZE, ...kept });
    // Stopping the server ends idle connections.
    pool.on("error", () => {});
    pools.push(pool);
    return { pool, url: url.href };
  };
  return {
    create: async (name) => {
      const client = new Client({ connectionString: server.url });
      await client.connect();
      await client.query(`create database ${name} template template0`);
      await client.end();
      return open(name);
    },
    open,
    stop: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
      await server.stop();
    },
  };
}
