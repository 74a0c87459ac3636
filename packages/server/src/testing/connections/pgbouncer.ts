import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../embedded/postgres-server.ts";
import { installedVersion, startServer } from "./local-server.ts";

/** The version of the PgBouncer on this machine; undefined when there is none. */
export function pgbouncerVersion(): string | undefined {
  return installedVersion("pgbouncer", /PgBouncer (\S+)/);
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
  const server = await startServer("pgbouncer", ["--quiet", ...asUser, config], listenPort);
  return {
    url: `postgres://${username}:${password}@127.0.0.1:${listenPort}${pathname}`,
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
