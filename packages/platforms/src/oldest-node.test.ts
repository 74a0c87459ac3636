import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { serverHtml } from "../../react/src/testing/server-page.tsx";
import { bundle } from "./bundle.ts";

const run = promisify(execFile);

/** The oldest Node that the packages promise to run on, from npm. */
const node = join(import.meta.dirname, "../node_modules/node/bin/node");
const { stdout: version } = spawnSync(node, ["--version"], { encoding: "utf8" });

test.skipIf(version !== "v20.0.0\n")(
  "a server renders a page on Node 20.0.0 (skipped where npm has none)",
  async () => {
    const program = await bundle("render.ts", "node");
    const directory = await mkdtemp(join(tmpdir(), "sessions-node20-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const file = join(directory, "program.mjs");
    await writeFile(file, program);
    const { stdout, stderr } = await run(node, [file]);
    expect(stdout.replace(/<template[^>]*>/, "<template>")).toBe(serverHtml);
    expect(stderr).toBe("");
  },
  30_000,
);
