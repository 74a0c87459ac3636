import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of the example's pages, built for production from the packages' sources. */
    pagesDirectory: string;
  }
}

const root = fileURLToPath(new URL("..", import.meta.url));

/** Builds the example's pages once for all test files of a run. So no test needs an earlier build. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "bank-pages-"));
  const vite = join(root, "node_modules/vite/bin/vite.js");
  const given = ["build", "--mode", "source", "--logLevel", "error", "--outDir", directory, "--emptyOutDir"];
  // A separate process: in this one, Vite would build for development, as it does for tests.
  const env = { ...process.env, NODE_ENV: "production" };
  await promisify(execFile)(process.execPath, [vite, ...given], { cwd: root, env });
  project.provide("pagesDirectory", directory);
  return () => rm(directory, { recursive: true, force: true });
}
