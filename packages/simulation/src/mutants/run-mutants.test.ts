import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { signInMutants } from "./sign-in-mutants.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

test("S16, S18: the schedules of one sign-in find each way to break its rotation", async () => {
  const given = ["--conditions=@sessions/source", main, "--mutants", "sign-in: "];
  const { stdout } = await promisify(execFile)(process.execPath, given);
  const found = stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/: S1[68], in world \d+$/, ""));
  expect(found).toEqual(signInMutants.map(({ name }) => name));
});

test("the command breaks the code and finds that", async () => {
  const given = ["--conditions=@sessions/source", main, "--mutants", "drop a refused submission"];
  const { stdout } = await promisify(execFile)(process.execPath, given);
  expect(stdout).toMatch(/^drop a refused submission: S4, in world \d+\n$/);
});
