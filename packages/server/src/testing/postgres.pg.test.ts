import { spawn } from "node:child_process";
import { once } from "node:events";
import { Client } from "pg";
import { expect, inject, test } from "vitest";
import { freshDatabase } from "./postgres.ts";

const one = await freshDatabase();
const other = await freshDatabase();

test("the tests run on PostgreSQL 18", async () => {
  const { rows } = await one.pool.query<{ version: string }>("SELECT current_setting('server_version_num') AS version");
  expect(rows[0]?.version).toMatch(/^18/);
});

test("a fresh database is empty and shares nothing with another", async () => {
  await one.pool.query("CREATE TABLE mine (id int)");
  const tables = await other.pool.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'");
  expect(tables.rows).toEqual([]);
  expect(new URL(one.url).pathname).not.toBe(new URL(other.url).pathname);
});

test("a pool outlives the connections that the server ends", async () => {
  await one.pool.query("SELECT 1");
  const admin = new Client({ connectionString: inject("postgresUrl") });
  await admin.connect();
  const ended = new Promise((resolve) => one.pool.once("remove", resolve));
  await admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [
    new URL(one.url).pathname.slice(1),
  ]);
  await admin.end();
  await ended;
  const { rows } = await one.pool.query<{ one: number }>("SELECT 1 AS one");
  expect(rows).toEqual([{ one: 1 }]);
});

test("the harness leaves a failed run's exit code as it is", async () => {
  const failing = `await import("./postgres-server.ts"); process.exitCode = 3;`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", failing], { cwd: import.meta.dirname });
  const [code] = (await once(child, "exit")) as [number | null];
  expect(code).toBe(3);
});
