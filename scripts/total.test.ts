import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

interface Total {
  readonly line: string;
  readonly exitCode: number | null;
}

interface Reports {
  readonly tests?: readonly object[];
  readonly again?: readonly object[];
}

/** The line that scripts/total.ts prints for a run with these reports, in which these stages failed. */
async function totalOf(reports: Reports, ...stages: string[]): Promise<Total> {
  const folder = await mkdtemp(join(tmpdir(), "sessions-total-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, testResults] of Object.entries(reports)) {
    await writeFile(join(folder, `${name}.json`), JSON.stringify({ testResults }));
  }
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(import.meta.dirname, "total.ts"), folder, ...stages],
      (_, stdout) => {
        resolve({ line: stdout.trimEnd(), exitCode: child.exitCode });
      },
    );
  });
}

const file = (name: string, ...statuses: string[]) => ({
  name,
  status: statuses.includes("failed") ? "failed" : "passed",
  assertionResults: statuses.map((status) => ({ status })),
});
const green = [file("green", "passed", "passed", "passed")];

test("a run in which all passed says so", async () => {
  expect(await totalOf({ tests: green })).toEqual({ line: "3 passed, 0 failed", exitCode: 0 });
});

test("skipped tests are counted apart", async () => {
  expect(await totalOf({ tests: [...green, file("skipped", "pending", "skipped", "todo")] })).toEqual({
    line: "3 passed, 0 failed, 3 skipped",
    exitCode: 0,
  });
});

test("each failed test, each file that did not load and each failed stage is a failure", async () => {
  const unloaded = { name: "unloaded", status: "failed", assertionResults: [] };
  const tests = [...green, file("red", "failed", "failed", "passed"), unloaded];
  expect(await totalOf({ tests }, "tests")).toEqual({ line: "4 passed, 3 failed", exitCode: 1 });
  expect(await totalOf({ tests: green }, "lint", "build")).toEqual({ line: "3 passed, 2 failed", exitCode: 1 });
});

test("a test run that failed beside its tests, or left no report, is a failure", async () => {
  expect(await totalOf({ tests: green }, "tests")).toEqual({ line: "3 passed, 1 failed", exitCode: 1 });
  expect(await totalOf({}, "tests")).toEqual({ line: "0 passed, 1 failed", exitCode: 1 });
  expect(await totalOf({})).toMatchObject({ exitCode: 1 });
});

test("a file that ran once more counts as it ended then", async () => {
  const tests = [...green, file("flaky", "failed", "passed")];
  expect(await totalOf({ tests, again: [file("flaky", "passed", "passed")] })).toEqual({
    line: "5 passed, 0 failed",
    exitCode: 0,
  });
  expect(await totalOf({ tests, again: [file("flaky", "failed", "passed")] }, "tests")).toEqual({
    line: "4 passed, 1 failed",
    exitCode: 1,
  });
});
