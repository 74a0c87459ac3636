import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

test("the command breaks the code and finds that", async () => {
  const given = ["--conditions=@sessions/source", main, "--mutants", "drop a refused submission"];
  const { stdout } = await promisify(execFile)(process.execPath, given);
  expect(stdout).toMatch(/^drop a refused submission: S4, in world \d+\n$/);
});
