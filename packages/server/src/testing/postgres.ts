import { randomBytes } from "node:crypto";
import { Client, Pool } from "pg";
import { afterAll, inject } from "vitest";
import { directUrls } from "./connections/direct-url.ts";
import { startPgbouncer } from "./connections/pgbouncer.ts";

/** An empty database that no other test file sees. */
export interface FreshDatabase {
  /** The URL of Postgres itself, even if the pool goes through a pooler. */
  readonly url: string;
  readonly pool: Pool;
}

/**
 * Creates a database for one test file and drops it after the file's tests. Call it at the file's top level.
 *
 * @example
 * const { pool } = await freshDatabase();
 * test("S1: …", async () => { await pool.query("SELECT 1"); });
 */
export async function freshDatabase(): Promise<FreshDatabase> {
  const name = `sessions_test_${randomBytes(8).toString("hex")}`;
  await administer(`CREATE DATABASE ${name} TEMPLATE template0`);

  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${name}`;
  const pooler = process.env["SESSIONS_TEST_POOLER"] === "pgbouncer" ? await startPgbouncer(url.href) : undefined;
  const pool = new Pool({
    connectionString: pooler?.url ?? url.href,
    pipeline: process.env["SESSIONS_TEST_DATABASE_KIND"] === "citus",
  });
  if (pooler) directUrls.set(pool, url.href);
  // A test may end connections from the server's side; the pool then replaces them.
  pool.on("error", () => {});
  afterAll(async () => {
    await pool.end();
    await pooler?.stop();
    // `end()` of a pool resolves before its connections are closed. This drop waits some seconds for them. If it were forced
    // at once, a closing connection would get an error that nothing handles, and end the run.
    await administer(`DROP DATABASE IF EXISTS ${name}`).catch(() =>
      administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
    );
  });
  return { url: url.href, pool };
}

async function administer(statement: string): Promise<void> {
  const client = new Client({ connectionString: inject("postgresUrl") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
