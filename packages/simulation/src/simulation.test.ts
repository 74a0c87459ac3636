import { afterAll, expect, test } from "vitest";
import { openDatabase } from "./nodes/database.ts";
import { failureReport, shrink, simulate } from "./simulate.ts";
import { START_MS } from "./world.ts";

/** Seeds that once failed, and some that reach far. */
const corpus = [
  67, 128, 163, 177, 1_312, 30_367, 30_570, 50_015, 11_000_187, 342_385_249, 473_006_081, 500_000_107, 667_916_177,
  830_001_720, 848_917_381, 890_003_476, 2_202_344, 2_203_145, 1_103_255, 71_007_841,
];

// `pnpm simulate` has more of them.
const FRESH = 20;

const database = await openDatabase(START_MS);
afterAll(() => database.close());

async function requireAll(seeds: readonly number[]): Promise<void> {
  for (const seed of seeds) {
    const result = await simulate(seed, database);
    if (result.error) expect.fail(failureReport(await shrink(result, database)));
  }
}

test("S1, S2, S3, S4, S5, S6, S7, S8, S9, S10, S12, S13, S14, S15: what once failed holds", () => requireAll(corpus));

test("S1, S2, S3, S4, S5, S6, S7, S8, S9, S10, S12, S13, S14, S15: whatever fails, and whenever, in worlds that nobody has seen", () => {
  const first = Math.floor(Math.random() * 1_000_000_000);
  return requireAll(Array.from({ length: FRESH }, (_, index) => first + index));
});

test("a seed is the same world again", async () => {
  const [first, again] = [await simulate(3, database), await simulate(3, database)];
  expect(first.events.length).toBeGreaterThan(10);
  expect(again).toEqual(first);
});
