import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase, type SimulatedDatabase } from "../nodes/database.ts";
import { START_MS } from "../world.ts";
import { measureRegions, type RegionMeasurement } from "./measure-regions.ts";
import { regionTable } from "./region-table.ts";
import { roundTripMs } from "./regions.ts";

let database: SimulatedDatabase;
let measured: readonly RegionMeasurement[];
beforeAll(async () => {
  database = await openDatabase(START_MS);
  measured = await measureRegions(database);
  // Three seconds, and a minute on a machine that is busy with something else.
}, 120_000);
afterAll(() => database.close());

test("a node beside the data answers everything within one way there and back, and a few milliseconds", () => {
  for (const { person, home, startMs, draftMs, submitMs, handledMs, readMs } of measured.filter(
    (one) => one.node === one.home,
  )) {
    const slowestMs = Math.max(startMs, draftMs, submitMs, handledMs, readMs);
    expect(slowestMs).toBeLessThanOrEqual(roundTripMs(person, home) + 20);
  }
});

test("a node far from the data waits for it once in a draft, a submission without a handler, and a read", () => {
  for (const { person, home, node, draftMs, submitMs, readMs } of measured) {
    const once = roundTripMs(person, node) + roundTripMs(node, home);
    expect([draftMs, submitMs, readMs]).toEqual([once, once, once]);
  }
});

test("the page on geography shows what was measured", async () => {
  const page = await readFile(new URL("../../../../docs/operating/geography.md", import.meta.url), "utf8");
  expect(page).toContain(regionTable(measured));
});
