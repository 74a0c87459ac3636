/** Prints the test files in which a test failed, one a line, from the tests' JSON report. Nothing if there is none. */
import { existsSync } from "node:fs";
import { relative } from "node:path";
import { hasFailed, readReport } from "./test-report.ts";

const [file] = process.argv.slice(2);
if (file !== undefined && existsSync(file)) {
  for (const result of readReport(file)) if (hasFailed(result)) console.log(relative(process.cwd(), result.name));
}
