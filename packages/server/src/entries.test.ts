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

const folders = [
  "flows/",
  "sign-in/",
  "express-session/",
  "better-auth/",
  "activity/",
  "projections/",
  "funnels/",
  "dashboard/",
  "cli/",
];

test.each([
  ["./index.ts", "flows/sessions.ts"],
  ["./sign-in/index.ts", "sign-in/router/router.ts"],
  ["./express-session/index.ts", "express-session/sessions-store.ts"],
  ["./projections/index.ts", "projections/projector.ts"],
  ["./activity/index.ts", "activity/create-activity.ts", "projections/"],
])("the entry %s loads nothing of another entry's folder, but those below it", (entry, own, below?: string) => {
  const files = filesOf(entry);
  expect(files).toContain(own);
  const others = folders.filter((folder) => !own.startsWith(folder) && folder !== below);
  expect(files.filter((file) => others.some((folder) => file.startsWith(folder)))).toEqual([]);
});

test("the entry ./dashboard/index.ts loads nothing of what serves browsers, and no command line", () => {
  const files = filesOf("./dashboard/index.ts");
  expect(files).toContain("dashboard/request/handler.ts");
  const others = [
    "express-session/",
    "better-auth/",
    "activity/builder/",
    "activity/recorder/",
    "cli/",
    "flows/commands/",
    "flows/watch/",
    "sign-in/visit/",
  ];
  expect(files.filter((file) => others.some((folder) => file.startsWith(folder)))).toEqual([]);
});
