import { expect, test } from "vitest";
import { repetitions } from "../../../../scripts/repetitions.ts";
import { simulateSignIns } from "./simulate-sign-ins.ts";

// In turns of these lengths, so that the process can answer in between.
const TURN = 500;

async function requireAll(first: number, count: number): Promise<void> {
  for (let seed = first; seed < first + count; seed += 1) {
    const { error } = simulateSignIns(seed);
    if (error) expect.fail(`Seed ${seed}: ${error.message}`);
    if (seed % TURN === 0) await new Promise(setImmediate);
  }
}

test(
  "S16, S18: no schedule signs an honest browser out, and each one with a thief ends the sign-in",
  () => requireAll(Math.floor(Math.random() * 1_000_000_000), repetitions({ few: 600, many: 100_000 })),
  900_000,
);

test("S16, S18: schedules that once broke the rules hold", async () => {
  for (const seed of [78, 144, 165, 101_373, 1_030_542, 1_093_242, 598_312_293]) await requireAll(seed, 1);
});
