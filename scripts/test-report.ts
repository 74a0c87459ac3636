import { readFileSync } from "node:fs";

/** The part of a test file in vitest's JSON report that the scripts read. */
export interface FileResult {
  readonly name: string;
  readonly status: string;
  /** Why the file did not load. */
  readonly message?: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName?: string;
    readonly failureMessages?: readonly string[] | null;
  }[];
}

/** The results in vitest's JSON report, by file. */
export function readReport(path: string): readonly FileResult[] {
  return (JSON.parse(readFileSync(path, "utf8")) as { testResults: readonly FileResult[] }).testResults;
}

/** True if a test of the file failed, or if the file did not load. */
export function hasFailed({ status, assertionResults }: FileResult): boolean {
  return status === "failed" || assertionResults.some((test) => test.status === "failed");
}
