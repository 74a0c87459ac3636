import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chown, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Client } from "pg";
import { makePostgresHome, type PostgresHome } from "./postgres-home.ts";

/** A real PostgreSQL for the tests alone, on a loopback port, with its data in a temporary directory. */
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

/**
 * Runs a server. After its end it removes the server's folder ($0), unless the folder has a file `keep`. The server is
 * ended when a line comes in or the input ends. The input also ends if the process that started it dies in any way.
 */
const guard = `
exec 3<&0
"$@" 3<&- & server=$!
{ read -r _ <&3; kill -QUIT $server; } 2>/dev/null & reader=$!
exec 3<&-
wait $server
kill $reader 2>/dev/null
[ -e "$0/keep" ] || rm -rf "$0"`;

/** Starts a PostgreSQL 18 from npm, with settings such as `"fsync=off"`. Takes about two seconds. */
export async function startPostgres(settings: readonly string[] = testSettings): Promise<PostgresServer> {
  const home = await makePostgresHome();
  const { directory } = home;
  const keep = join(directory, "keep");
  const port = await freePort();
  const password = randomBytes(18).toString("base64url");
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  let running: ChildProcess;
  try {
    await initialise(home, password);
    running = await launch(home, port, settings);
  } catch (error) {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    throw error;
  }
  return {
    url,
    async kill() {
      await writeFile(keep, "");
      const ended = once(running, "exit");
      await killAll(url, dataOf(home));
      await ended;
    },
    async restart() {
      running = await launchAgain(() => launch(home, port, settings));
      await rm(keep);
    },
    async stop() {
      if (running.exitCode === null) {
        const ended = once(running, "exit");
        running.stdin?.end();
        await ended;
      }
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** What Postgres prints when it takes connections. */
const READY = "ready to accept connections";

const dataOf = ({ directory }: PostgresHome) => join(directory, "data");

async function initialise(home: PostgresHome, password: string): Promise<void> {
  const { account, directory, initdb } = home;
  const file = join(directory, "password");
  try {
    await writeFile(file, password, { mode: 0o600 });
    if (account) await chown(file, account.uid, account.gid);
    const given = [`--pgdata=${dataOf(home)}`, `--pwfile=${file}`, "--username=postgres", "--auth=scram-sha-256"];
    const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
    const child = spawn(initdb, [...given, ...locale, "--no-sync"], { ...account, cwd: directory });
    const told = record(child);
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw new Error(`PostgreSQL could not make its files in ${directory}:\n${told()}`);
  } finally {
    await rm(file, { force: true });
  }
}

/** Resolves when it takes connections. */
async function launch(home: PostgresHome, port: number, settings: readonly string[]): Promise<ChildProcess> {
  const { account, directory, postgres } = home;
  // No socket file: its directory may be missing, or belong to another server.
  const own = ["max_connections=200", "listen_addresses=127.0.0.1", "unix_socket_directories="];
  const flags = [...own, ...settings].flatMap((setting) => ["-c", setting]);
  const given = [postgres, "-D", dataOf(home), "-p", String(port), ...flags];
  const [command, ...rest] = process.platform === "win32" ? given : ["/bin/sh", "-c", guard, directory, ...given];
  // The server is in a separate process group: Ctrl-C at a terminal goes to this process only, which then ends the server.
  const child = spawn(command!, rest, { ...account, cwd: directory, detached: true });
  const told = record(child);
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => reject(new Error(`PostgreSQL did not start on port ${port}:\n${told()}`)));
    // Not among the last text alone: clients that knock meanwhile may make it print more than that at once.
    let printed = "";
    child.stderr.on("data", (chunk) => {
      printed += String(chunk);
      if (printed.includes(READY)) resolve();
      printed = printed.slice(-READY.length);
    });
  });
  return child;
}

/** Records the last text that a process prints. */
function record(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk) => (text = (text + String(chunk)).slice(-4_000)));
  }
  return () => text;
}

/** Kills each process of a server. If only its first one were killed, its children would have time to finish their work. */
async function killAll(url: string, data: string): Promise<void> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("select pid from pg_stat_activity");
  const [postmaster] = (await readFile(join(data, "postmaster.pid"), "utf8")).split("\n");
  for (const pid of [Number(postmaster), ...rows.map((row) => row.pid)]) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // The process has ended meanwhile.
    }
  }
  await client.end().catch(() => {});
}

/** Tries to start a server until it starts: it cannot while a process of the server before has not ended. */
async function launchAgain(start: () => Promise<ChildProcess>): Promise<ChildProcess> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (cause) {
      if (tries === 20) throw new Error("PostgreSQL did not start again.", { cause });
      await setTimeout(100);
    }
  }
}

/** A loopback port on which nothing listens. */
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
