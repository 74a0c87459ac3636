import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { PGlite } from "@electric-sql/pglite";

const folder = join(import.meta.dirname, "../../../../node_modules/.cache/sessions");
/** A release of PGlite may have other files. */
const release = createHash("sha256")
  .update(import.meta.resolve("@electric-sql/pglite"))
  .digest("hex")
  .slice(0, 16);
const file = join(folder, `pglite-${release}.tar`);

/**
 * A PGlite with nothing in it. `new PGlite()` makes the files of a new Postgres each time, which takes five times as
 * long. This copies them from a file, which the first test makes.
 */
export async function emptyPGlite(): Promise<PGlite> {
  return PGlite.create({ loadDataDir: await emptyDataDir() });
}

/** Makes the files of a PGlite with nothing in it, in a folder. */
export async function writeEmptyPGlite(directory: string): Promise<void> {
  await emptyDataDir();
  await promisify(execFile)("tar", ["-xf", file, "-C", directory]);
}

/** The files of a PGlite with nothing in it, for its option `loadDataDir`. */
export async function emptyDataDir(): Promise<Blob> {
  const kept = await readFile(file).catch(() => undefined);
  if (kept) return new Blob([kept]);
  const first = await PGlite.create();
  const dataDir = await first.dumpDataDir("none");
  await first.close();
  await mkdir(folder, { recursive: true });
  // Another process may make it at the same time.
  const part = `${file}.${process.pid}`;
  await writeFile(part, Buffer.from(await dataDir.arrayBuffer()));
  await rename(part, file);
  return dataDir;
}
