import { expect, test } from "vitest";
import { measurementTable } from "./table.ts";

const row = (what: string, at: number | null, median: number) => ({
  what,
  at,
  unit: "a second",
  median,
  rounds: [median],
});

test("a measurement's table has a line for each variant, a column for each size, and says which targets are met", () => {
  const table = measurementTable({
    name: "example",
    title: "An example",
    how: "By hand.",
    rows: [row("ours", 1, 1_234.5), row("ours", 1_000, 99.94), row("theirs", 1, 0.5)],
    ratios: [
      { what: "ours ÷ theirs", value: 2.469, target: { atLeast: 3 } },
      { what: "memory", value: 19, unit: "kB", target: { atMost: 20 } },
      { what: "beside", value: 1 },
    ],
  });
  expect(table).toBe(`## An example

By hand.

| median of the rounds | 1 | 1,000 |
| --- | ---: | ---: |
| ours (a second) | 1,230 | 99.9 |
| theirs (a second) | 0.5 |  |

| figure | value | target | |
| --- | ---: | ---: | --- |
| ours ÷ theirs | 2.47 | ≥ 3 | **missed** |
| memory | 19 kB | ≤ 20 | met |
| beside | 1 |  |  |`);
});
