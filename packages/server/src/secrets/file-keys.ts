import { readFileSync } from "node:fs";
import { SessionsError } from "@sessions/core/internal";
import type { KeyProvider } from "./key-provider.ts";
import { keyRing } from "./key-ring.ts";

/**
 * Keys from a file, one a line, the newest first. Empty lines and lines that begin with `#` are left out. The file is read
 * once.
 *
 * @throws {SessionsError} `configuration_invalid` for a file that cannot be read, has no key, or a line that is no key.
 * @example
 * keysFromFile("/run/secrets/sessions-keys")
 */
export function keysFromFile(path: string): KeyProvider {
  const lines = linesOf(path).map((line) => line.trim());
  return keyRing(
    lines.filter((line) => line !== "" && !line.startsWith("#")),
    `The file ${path}`,
  );
}

function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SessionsError("configuration_invalid", `The file of keys ${path} cannot be read: ${code}.`);
  }
}
