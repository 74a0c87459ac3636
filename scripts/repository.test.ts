import { expect, test } from "vitest";
import { files, read } from "./repository.ts";

// The project must not name the folders of one machine, or the place from which it installs.
const forbidden = [
  {
    what: "a path of one machine",
    pattern: /(?<![\w.~-])\/(?:root|work|home\/[\w.-]+|Users\/[\w.-]+)\/|[A-Z]:\\Users\\/,
  },
  { what: "a package registry", pattern: /\bregistry\.[\w-]+\.\w+|^\s*registry\s*=/m },
];

const text = files().filter((file) => !/\.(png|svg|ico|woff2?)$/.test(file));

test.each(forbidden)("no file holds $what", ({ pattern }) => {
  expect(text.filter((file) => pattern.test(read(file)))).toEqual([]);
});

test("what no file may hold is recognised", () => {
  const found = (line: string) => forbidden.filter(({ pattern }) => pattern.test(line)).map(({ what }) => what);
  for (const directory of ["home/ann", "Users/ann", "root"])
    expect(found(`in "/${directory}/project/x.ts"`)).toEqual(["a path of one machine"]);
  for (const host of ["npmjs.org", "example.com:4873"])
    expect(found(`https://registry.${host}/x.tgz`)).toEqual(["a package registry"]);
  expect(found("packages/core/src/root/home/file.ts, https://example.com/work/1, ./work/x")).toEqual([]);
});

test("the lockfile names packages by version and hash, and no address", () => {
  const lines = read("pnpm-lock.yaml").split("\n");
  expect(lines.filter((line) => /https?:\/\/|\btarball:/.test(line))).toEqual([]);
});
