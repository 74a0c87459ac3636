import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { freePort } from "../embedded/postgres-server.ts";

/** The version of the PgBouncer on this machine; undefined when there is none. */
export function pgbouncerVersion(): string | undefined {
  const { stdout } = spawnSync("pgbouncer", ["--version"], { encoding: "utf8" });
  return /PgBouncer (\S+)/.exec(stdout ?? "")?.[1];
}

/** Starts a PgBouncer in transaction mode before a Postgres. Gives the same database's URL through it. */
export async function startPgbouncer(postgresUrl: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const { hostname, port, username, password, pathname } = new URL(postgresUrl);
  const directory = await mkdtemp(join(tmpdir(), "sessions-pgbouncer-"));
  const config = join(directory, "pgbouncer.ini");
  const listenPort = await freePort();
  await writeFile(
    config,
    `[databases]
* = host=${hostname} port=${port || 5432} user=${username} password=${decodeURIComponent(password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 5
`,
  );
  // PgBouncer refuses to run as root. If this process is root, PgBouncer switches to the user `postgres`.
  const asUser = process.getuid?.() === 0 ? ["--user", "postgres"] : [];
  const child = spawn("pgbouncer", ["--quiet", ...asUser, config], { stdio: "ignore" });
  const ended = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  await listening(listenPort, () => child.exitCode !== null);
  return {
    url: `postgres://${username}:${password}@127.0.0.1:${listenPort}${pathname}`,
    stop: async () => {
      process.off("exit", kill);
      kill();
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function listening(port: number, hasEnded: () => boolean): Promise<void> {
  while (!hasEnded()) {
    const socket = connect(port, "127.0.0.1");
    const connected = once(socket, "connect").then(() => true);
    const there = await connected.catch(() => false);
    socket.destroy();
    if (there) return;
    await setTimeout(20);
  }
  throw new Error("PgBouncer did not start.");
}
