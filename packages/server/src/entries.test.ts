import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** The files that a file loads, with their own. An import of types alone loads nothing. */
function loaded(file: URL, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(file.href)) return found;
  found.add(file.href);
  const text = readFileSync(file, "utf8");
  for (const [, type, from] of text.matchAll(/^(?:import|export)( type)?\b[^;]*?"(\.[^"]+)";$/gm)) {
    if (type === undefined) loaded(new URL(from!, file), found);
  }
  return found;
}

/** Below `src`. */
const filesOf = (entry: string) =>
  [...loaded(new URL(entry, import.meta.url))].map((href) => href.slice(new URL(".", import.meta.url).href.length));

test("the entry of the flows loads nothing of the sign-ins, and that of the sign-ins nothing of the flows", () => {
  const [flows, signIns] = [filesOf("./index.ts"), filesOf("./sign-in/index.ts")];
  expect(flows).toContain("flows/sessions.ts");
  expect(flows.filter((file) => file.startsWith("sign-in/"))).toEqual([]);
  expect(signIns).toContain("sign-in/router.ts");
  expect(signIns.filter((file) => file.startsWith("flows/"))).toEqual([]);
});
