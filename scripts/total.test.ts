import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

interface Total {
  readonly line: string | undefined;
  /** The lines before it. */
  readonly failures: readonly string[];
  readonly exitCode: number | null;
}

interface Reports {
  readonly tests?: readonly object[];
  readonly "again-1"?: readonly object[];
  readonly "again-2"?: readonly object[];
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
        const lines = stdout.trimEnd().split("\n");
        resolve({ line: lines.at(-1), failures: lines.slice(0, -1), exitCode: child.exitCode });
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
  expect(await totalOf({ tests: green })).toMatchObject({ line: "3 passed, 0 failed", exitCode: 0 });
});

test("skipped tests are counted apart", async () => {
  expect(await totalOf({ tests: [...green, file("skipped", "pending", "skipped", "todo")] })).toMatchObject({
    line: "3 passed, 0 failed, 3 skipped",
    exitCode: 0,
  });
});

test("each failed test, each file that did not load and each failed stage is a failure", async () => {
  const unloaded = { name: "unloaded", status: "failed", assertionResults: [] };
  const tests = [...green, file("red", "failed", "failed", "passed"), unloaded];
  expect(await totalOf({ tests }, "tests")).toMatchObject({ line: "4 passed, 3 failed", exitCode: 1 });
  expect(await totalOf({ tests: green }, "lint", "build")).toMatchObject({ line: "3 passed, 2 failed", exitCode: 1 });
});

test("a test run that failed beside its tests, or left no report, is a failure", async () => {
  expect(await totalOf({ tests: green }, "tests")).toMatchObject({ line: "3 passed, 1 failed", exitCode: 1 });
  expect(await totalOf({}, "tests")).toMatchObject({ line: "0 passed, 1 failed", exitCode: 1 });
  expect(await totalOf({})).toMatchObject({ exitCode: 1 });
});

test("a file that ran once more counts as it ended then", async () => {
  const tests = [...green, file("flaky", "failed", "passed")];
  expect(await totalOf({ tests, "again-1": [file("flaky", "passed", "passed")] })).toMatchObject({
    line: "5 passed, 0 failed",
    exitCode: 0,
  });
  const twice = { "again-1": [file("flaky", "failed", "passed")], "again-2": [file("flaky", "passed", "passed")] };
  expect(await totalOf({ tests, ...twice })).toMatchObject({ line: "5 passed, 0 failed" });
  expect(await totalOf({ tests, "again-1": [file("flaky", "failed", "passed")] }, "tests")).toMatchObject({
    line: "4 passed, 1 failed",
    exitCode: 1,
  });
});

test("each failed test is named, with the start of its message", async () => {
  const failed = {
    name: join(process.cwd(), "a.test.ts"),
    status: "failed",
    assertionResults: [
      { status: "failed", fullName: "S1: holds", failureMessages: ["Error: expected 1\n  at a.test.ts"] },
    ],
  };
  const unloaded = {
    name: join(process.cwd(), "b.test.ts"),
    status: "failed",
    message: "No such file",
    assertionResults: [],
  };
  expect((await totalOf({ tests: [failed, unloaded] }, "tests")).failures).toEqual([
    "== failed: a.test.ts: S1: holds: Error: expected 1   at a.test.ts",
    "== failed: b.test.ts: No such file",
  ]);
});
