import { expect, test } from "vitest";
import { files, read } from "./repository.ts";

const sources = files().filter(
  (file) => /^packages\/server\/src\/.*\/(migrations|tables)\.ts$/.test(file) && !file.includes("/testing/"),
);

/** The tables that a part of SQL creates: `create table ${named("device")}`, or `${table}` with `table = named("device")`. */
function createdTables(code: string): readonly string[] {
  const names = new Map([...code.matchAll(/const (\w+) = named\("(\w+)"\)/g)].map(([, name, table]) => [name, table]));
  const created = code.matchAll(/create table (?:if not exists )?\$\{(?:named\("(\w+)"\)|(\w+))\}/g);
  return [...created].flatMap(([, table, name]) => table ?? names.get(name) ?? []);
}

/** The tables of the first column of a section of ARCHITECTURE.md. */
function describedTables(page: string): readonly string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith("Tables\n")) ?? "";
  return [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, table]) => table!);
}

test("ARCHITECTURE.md describes each table that the migrations create, and no other", () => {
  const created = sources.flatMap((file) => createdTables(read(file)));
  expect(created).toContain("session_archive");
  expect(describedTables(read("ARCHITECTURE.md")).toSorted()).toEqual([...new Set(created)].toSorted());
});

test("each statement that creates a table in a migration is read", () => {
  const written = sources.flatMap((file) => [...read(file).matchAll(/create (?:unlogged )?table /gi)]);
  expect(sources.flatMap((file) => createdTables(read(file)))).toHaveLength(written.length);
});
