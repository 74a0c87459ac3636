import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { boundsFrom, defaultBounds } from "./bounds.ts";

const table = readFileSync(new URL("../../../../../docs/operating/bounds.md", import.meta.url), "utf8");
const docstrings = readFileSync(new URL("bounds.ts", import.meta.url), "utf8");

test("the table of bounds has each with its default, and its docstring says the same", () => {
  const rows = [...table.matchAll(/^\| `(\w+)` \| [^|]+ \| (?:a quarter of the pool \()?([\d,]+)[^|]* \|/gm)];
  expect(Object.fromEntries(rows.map(([, name, value]) => [name, Number(value!.replaceAll(",", ""))]))).toEqual(
    defaultBounds,
  );
  const units: Record<string, number> = { "": 1, " KiB": 1024, " MiB": 1024 * 1024 };
  // The default of this one depends on the pool.
  const { ownerConnections: _, ...others } = defaultBounds;
  const documented = [
    ...docstrings.matchAll(/Default ([\d,]+)( KiB| MiB|)\.(?: \*\/|\n {3}\*\/)\n {2}readonly (\w+): number/g),
  ];
  expect(
    Object.fromEntries(
      documented.map(([, value, unit, name]) => [name, Number(value!.replaceAll(",", "")) * units[unit!]!]),
    ),
  ).toEqual(others);
});

test("bounds are given one by one, and what cannot work is refused by name", () => {
  expect(boundsFrom()).toEqual(defaultBounds);
  expect(boundsFrom({ ownerStreams: 3 })).toEqual({ ...defaultBounds, ownerStreams: 3 });
  expect(() => boundsFrom({ ownerStream: 3 } as never)).toThrow("`bounds.ownerStream` is not known");
  for (const wrong of [0, -1, 1.5, Number.NaN, "3"]) {
    expect(() => boundsFrom({ ownerStreams: wrong as number })).toThrow("whole number of 1 or more");
  }
});
