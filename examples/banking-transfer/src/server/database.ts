import { mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { postgresBus, type Bus } from "@sessions/server";
import { PGliteDialect, PostgresDialect, type Dialect } from "kysely";
import { Client, Pool } from "pg";

export interface Database {
  /** For `createSessions`: the bank and its sessions share one database. */
  readonly source: Pool | PGlite;
  readonly dialect: Dialect;
  /** Tells the other nodes of the bank about changes. A PGlite has one node. */
  readonly bus?: Bus;
  close(): Promise<void>;
}

/** Opens the PostgreSQL at `url`. Without a `url`, opens a PGlite with its files in `directory`. */
export async function openDatabase(url: string | undefined, directory: string): Promise<Database> {
  return url ? openPostgres(url) : openPGlite(directory);
}

function openPostgres(url: string): Database {
  const pool = new Pool({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // The database may end an idle connection. The next query opens another.
  pool.on("error", () => {});
  const bus = postgresBus({ client: () => new Client({ connectionString: url, connectionTimeoutMillis: 5_000 }) });
  return { source: pool, dialect: new PostgresDialect({ pool }), bus, close: () => pool.end() };
}

async function openPGlite(directory: string): Promise<Database> {
  await mkdir(directory, { recursive: true });
  const release = await claim(join(directory, "in-use-by"));
  try {
    const pglite = await PGlite.create(join(directory, "pglite"));
    return {
      source: pglite,
      dialect: new PGliteDialect({ pglite }),
      close: async () => {
        await pglite.close();
        await release();
      },
    };
  } catch (cause) {
    await release();
    throw cause;
  }
}

/** Keeps a second process from the same files. PGlite does not notice one, and two would destroy them. */
async function claim(path: string): Promise<() => Promise<void>> {
  const holder = Number(await readFile(path, "utf8").catch(() => ""));
  if (holder && holder !== process.pid && isRunning(holder)) {
    throw new Error(`Process ${holder} already uses these data. Stop it, or remove ${path} if it is something else.`);
  }
  await rm(path, { force: true });
  const file = await open(path, "wx");
  await file.writeFile(String(process.pid));
  await file.close();
  return () => rm(path, { force: true });
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
