/**
 * Packs every public package as it would be published, and checks what is in the tarball: that its exports
 * resolve (publint) and that its types do (attw). Build first. Exits with 1 when one of them does not.
 */
import { execFile } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { root } from "./repository.ts";

const run = promisify(execFile);
const command = (name: string) => join(root, "node_modules", ".bin", name);

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
}

async function findProblems(directory: string, name: string): Promise<readonly string[]> {
  if (!existsSync(join(directory, "dist", "index.js"))) return ["is not built: run `pnpm build` first."];
  const packed = await mkdtemp(join(tmpdir(), "sessions-package-"));
  try {
    const tarball = join(packed, `${name.replace("@", "").replace("/", "-")}.tgz`);
    await run("npx", ["-y", "pnpm@12", "pack", "--out", tarball], { cwd: directory });
    const checks = await Promise.all([
      problemOf("publint", ["run", "--strict", tarball]),
      problemOf("attw", ["--profile", "esm-only", "--no-definitely-typed", "--no-emoji", "--no-color", tarball]),
    ]);
    return checks.filter((problem) => problem !== undefined);
  } finally {
    await rm(packed, { recursive: true, force: true });
  }
}

async function problemOf(check: string, given: readonly string[]): Promise<string | undefined> {
  try {
    await run(command(check), given, { cwd: root });
    return undefined;
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
    return `${check}:\n${stdout}${stderr}`;
  }
}

for (const file of globSync("packages/*/package.json", { cwd: root }).toSorted()) {
  const manifest = JSON.parse(await readFile(join(root, file), "utf8")) as Manifest;
  if (manifest.private) continue;
  const problems = await findProblems(join(root, dirname(file)), manifest.name);
  if (problems.length > 0) process.exitCode = 1;
  console.log(`${manifest.name}: ${problems.length > 0 ? problems.join("\n") : "publint and attw find nothing wrong"}`);
}
