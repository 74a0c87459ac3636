import { PostgresJSDialect } from "kysely-postgres-js";
import { Pool } from "pg";
import postgres from "postgres";
import { describe, expect, test } from "vitest";
import { directUrls } from "../../testing/connections/direct-url.ts";
import { pgbouncerVersion } from "../../testing/connections/pgbouncer.ts";

// The core of the suite once more, with pools that reach Postgres through a PgBouncer in transaction mode.
const version = pgbouncerVersion();
await (version === undefined ? skipped() : through(version));

function skipped(): void {
  test("the core of the suite passes through PgBouncer", ({ skip }) => {
    skip("There is no pgbouncer on this machine: install the package of that name.");
  });
}

async function through(installed: string): Promise<void> {
  // Before what reads it is loaded.
  process.env["SESSIONS_TEST_POOLER"] = "pgbouncer";
  const { freshDatabase } = await import("../../testing/postgres.ts");
  const { pool, url } = await freshDatabase();

  test(`the pool goes through PgBouncer ${installed}, in transaction mode`, async () => {
    expect(directUrls.get(pool)).toBe(url);
    const clients = await Promise.all(Array.from({ length: 10 }, () => pool.connect()));
    const backends = await Promise.all(
      clients.map((client) => client.query<{ pid: number }>("select pg_backend_pid() as pid")),
    );
    for (const client of clients) client.release();
    // Ten clients, and no more than five connections that they take turns on.
    expect(new Set(backends.map(({ rows }) => rows[0]?.pid)).size).toBeLessThanOrEqual(5);
  });

  test("postgres.js goes through it, with nothing prepared", async () => {
    const { prepare, runScenario } = await import("../../compatibility/scenario.ts");
    const direct = new Pool({ connectionString: url, max: 1 });
    await prepare(direct);
    await direct.end();
    const client = postgres(pool.options.connectionString!, { prepare: false, onnotice: () => {} });
    await runScenario(new PostgresJSDialect({ postgres: client }), "ada");
    await client.end({ timeout: 1 });
  });

  test("sign-ins go through it", async () => {
    const { prepareSignIns, runSignInScenario } = await import("../../compatibility/sign-in-scenario.ts");
    const direct = new Pool({ connectionString: url, max: 1 });
    await prepareSignIns(direct);
    await direct.end();
    await runSignInScenario(pool, "ada");
  });

  test("sealed sessions go through it, by pg and by postgres.js", async () => {
    const { prepareSealed, runSealedScenario } = await import("../../compatibility/sealed-scenario.ts");
    const direct = new Pool({ connectionString: url, max: 1 });
    await prepareSealed(direct);
    await direct.end();
    await runSealedScenario(pool, "ada", { prepare: false });
    const client = postgres(pool.options.connectionString!, { prepare: false, onnotice: () => {} });
    await runSealedScenario(new PostgresJSDialect({ postgres: client }), "bob");
    await client.end({ timeout: 1 });
  });

  describe("sessions", async () => void (await import("../../flows/sessions.pg.test.ts")));
  describe("commands", async () => void (await import("../../flows/commands/command-processor.pg.test.ts")));
  describe("archive", async () => void (await import("../../flows/rows/archive.pg.test.ts")));
  describe("history", async () => void (await import("../../flows/rows/history/history.pg.test.ts")));
  describe("limits", async () => void (await import("../../flows/configuration/limits.pg.test.ts")));
  describe("cache", async () => void (await import("../../flows/commands/cache.pg.test.ts")));
  describe("watch", async () => void (await import("../../flows/watch/watch.pg.test.ts")));
}
