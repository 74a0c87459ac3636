/**
 * Prints each test that failed with the start of its message, and then the last line of a run,
 * `N passed, N failed[, N skipped]`, from the folder with the tests' JSON reports and the names of the stages that failed.
 * `tests.json` is the report of all files; `again-1.json` and `again-2.json`, if they are there, those of the files that
 * ran once more, and replace their results. Each stage counts as a failure, except "tests", whose failures are in the
 * reports. A test file that did not load counts as one, too. Exits with 1 if there is a failure, or if no test passed.
 */
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { hasFailed, readReport, type FileResult } from "./test-report.ts";

const [folder = ".", ...stages] = process.argv.slice(2);
const results = new Map<string, FileResult>();
for (const report of ["tests.json", "again-1.json", "again-2.json"]) {
  const path = join(folder, report);
  if (existsSync(path)) for (const result of readReport(path)) results.set(result.name, result);
}

const count = (status: (status: string) => boolean) =>
  [...results.values()].reduce(
    (sum, file) => sum + file.assertionResults.filter((test) => status(test.status)).length,
    0,
  );
const passed = count((status) => status === "passed");
const skipped = count((status) => status !== "passed" && status !== "failed");
const failedTests = [...results.values()]
  .filter(hasFailed)
  .reduce(
    (sum, file) => sum + Math.max(1, file.assertionResults.filter(({ status }) => status === "failed").length),
    0,
  );
for (const { name, message, assertionResults } of [...results.values()].filter(hasFailed)) {
  const file = relative(process.cwd(), name);
  const failures = assertionResults.filter(({ status }) => status === "failed");
  if (failures.length === 0) console.log(`== failed: ${file}: ${startOf(message)}`);
  for (const { fullName, failureMessages } of failures) {
    console.log(`== failed: ${file}: ${fullName?.trim()}: ${startOf(failureMessages?.[0])}`);
  }
}

// An error outside of every test, such as an unhandled rejection, fails the run, but the report does not have it.
const outside = stages.includes("tests") && failedTests === 0 ? 1 : 0;
const failed = failedTests + outside + stages.filter((stage) => stage !== "tests").length;
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

function startOf(message = ""): string {
  return stripVTControlCharacters(message).split("\n").slice(0, 3).join(" ").slice(0, 400);
}
