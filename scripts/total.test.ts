import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

interface Total {
  readonly line: string;
  readonly exitCode: number | null;
}

/** The line that scripts/total.ts prints for a run in which these stages failed. */
async function totalOf(report: object | null, ...stages: string[]): Promise<Total> {
  const directory = await mkdtemp(join(tmpdir(), "sessions-total-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, "tests.json");
  if (report !== null) await writeFile(file, JSON.stringify(report));
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(import.meta.dirname, "total.ts"), file, ...stages], (_, stdout) => {
      resolve({ line: stdout.trimEnd(), exitCode: child.exitCode });
    });
  });
}

const file = (...statuses: string[]) => ({
  status: statuses.includes("failed") ? "failed" : "passed",
  assertionResults: statuses.map((status) => ({ status })),
});
const green = {
  numPassedTests: 3,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [file("passed", "passed", "passed")],
};

test("a run in which all passed says so", async () => {
  expect(await totalOf(green)).toEqual({ line: "3 passed, 0 failed", exitCode: 0 });
});

test("skipped tests are counted apart", async () => {
  expect(await totalOf({ ...green, numPendingTests: 2, numTodoTests: 1 })).toEqual({
    line: "3 passed, 0 failed, 3 skipped",
    exitCode: 0,
  });
});

test("each failed test, each file that did not load and each failed stage is a failure", async () => {
  const unloaded = { status: "failed", assertionResults: [] };
  const red = { ...green, testResults: [...green.testResults, file("failed", "failed", "passed"), unloaded] };
  expect(await totalOf(red, "tests")).toEqual({ line: "3 passed, 3 failed", exitCode: 1 });
  expect(await totalOf(green, "lint", "build")).toEqual({ line: "3 passed, 2 failed", exitCode: 1 });
});

test("a test run that failed beside its tests, or left no report, is a failure", async () => {
  expect(await totalOf(green, "tests")).toEqual({ line: "3 passed, 1 failed", exitCode: 1 });
  expect(await totalOf(null, "tests")).toEqual({ line: "0 passed, 1 failed", exitCode: 1 });
  expect(await totalOf(null)).toMatchObject({ exitCode: 1 });
});
