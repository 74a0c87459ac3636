import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where the repository is checked out. */
export const root = join(import.meta.dirname, "..");

/** The files that a commit would hold: all except the ignored ones. Paths from the root. */
export function files(): readonly string[] {
  const listed = execFileSync(
    "git",
    ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "-z"],
    {
      cwd: root,
      encoding: "utf8",
    },
  );
  return listed.split("\0").filter((file) => file !== "" && existsSync(join(root, file)));
}

/** A file's text, by its path from the root. */
export function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** Whether a file is one of the documents that people read here. */
export function isDocument(file: string): boolean {
  return /^(README|ARCHITECTURE|SPEC|CONTRIBUTING|SECURITY)\.md$|^(docs|packages|examples)\/.*\.md$/.test(file);
}
