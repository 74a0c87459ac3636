/**
 * Prints the last line of a run, `N passed, N failed[, N skipped]`, from the tests' JSON report and the names of the
 * stages that failed. Each of these stages counts as a failure, except "tests", whose failures are in the report. A test
 * file that did not load counts as one, too. Exits with 1 if there is a failure, or if no test passed.
 */
import { existsSync, readFileSync } from "node:fs";

interface Report {
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const [file, ...stages] = process.argv.slice(2);
const { passed, failed, skipped } = tally(file, stages);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

function tally(file: string | undefined, stages: readonly string[]) {
  if (file === undefined || !existsSync(file)) return { passed: 0, failed: stages.length, skipped: 0 };
  const report = JSON.parse(readFileSync(file, "utf8")) as Report;
  const failedTests = report.testResults.reduce((sum, { status, assertionResults }) => {
    const inFile = assertionResults.filter((test) => test.status === "failed").length;
    return sum + (status === "failed" ? Math.max(1, inFile) : inFile);
  }, 0);
  // An error outside of every test, such as an unhandled rejection, fails the run, but the report does not have it.
  const outside = stages.includes("tests") && failedTests === 0 ? 1 : 0;
  return {
    passed: report.numPassedTests,
    failed: failedTests + outside + stages.filter((stage) => stage !== "tests").length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
