import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Client } from "pg";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { installedBinaries, makePostgresHome } from "./postgres-home.ts";
import { startPostgres } from "./postgres-server.ts";
import { freshDatabase } from "../postgres.ts";

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

/** A folder with this mode for temporary files, while one test runs. */
async function temporaryFolder(mode: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sessions tést "));
  await chmod(folder, mode);
  vi.stubEnv("TMPDIR", folder);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

test("a server that cannot start says why, and leaves nothing behind", async () => {
  const folder = await temporaryFolder(0o1777);
  await expect(startPostgres(["no_such_setting=1"])).rejects.toThrow(/did not start.*no_such_setting/s);
  expect(await readdir(folder)).toEqual([]);
});

test("a server ends with the run that started it, also one that is killed, and nothing is left behind", async () => {
  const folder = await temporaryFolder(0o1777);
  const harness = pathToFileURL(join(import.meta.dirname, "postgres-server.ts")).href;
  const program = `const { startPostgres } = await import("${harness}"); await startPostgres(); console.log("ready");`;
  const run = spawn(process.execPath, ["--input-type=module", "--eval", program]);
  await once(run.stdout, "data");
  const [home] = await readdir(folder);
  // The password's file is deleted. Copied binaries may be there.
  expect((await readdir(join(folder, home!))).filter((file) => file !== "native")).toEqual(["data"]);
  expect((await stat(join(folder, home!))).mode & 0o777).toBe(0o700);

  run.kill("SIGKILL");
  await expect.poll(() => readdir(folder), { timeout: 20_000 }).toEqual([]);
});

describe.runIf(process.getuid?.() === 0)("as root", () => {
  test("temporary files are kept where the server's user can enter", async () => {
    const folder = await temporaryFolder(0o700);
    const { directory, account, initdb } = await makePostgresHome();
    onTestFinished(() => rm(directory, { recursive: true }));
    expect(directory.startsWith(folder)).toBe(false);
    expect(spawnSync(initdb, ["--version"], { ...account, cwd: directory }).status).toBe(0);
  });

  test("binaries in a folder that the server's user cannot enter are copied", async () => {
    const { initdb } = await installedBinaries();
    const closed = await mkdtemp(join(tmpdir(), "sessions-closed-"));
    onTestFinished(() => rm(closed, { recursive: true }));
    await cp(join(initdb, "../.."), join(closed, "native"), { recursive: true, verbatimSymlinks: true });
    const [there, postgres] = ["initdb", "postgres"].map((name) => join(closed, "native/bin", name));

    const home = await makePostgresHome({ initdb: there!, postgres: postgres! });
    onTestFinished(() => rm(home.directory, { recursive: true }));
    expect(home.initdb.startsWith(home.directory)).toBe(true);
    expect(spawnSync(home.initdb, ["--version"], { ...home.account, cwd: home.directory }).status).toBe(0);
  });
});
