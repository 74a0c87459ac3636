import { expect, test } from "vitest";
import { bruteForce, bruteForceMs, countKey, historyOf } from "../testing/funnels/histories.ts";
import { foldEntry, type Count, type FunnelEntry, type OpenSession } from "./session-rules.ts";

function countsOf(history: readonly FunnelEntry[]): readonly Count[] {
  let known: OpenSession | null = null;
  return history.flatMap((entry) => {
    const { after, counts } = foldEntry(known, entry);
    known = after;
    return counts;
  });
}

test("S22: a funnel equals a count over the histories of ten thousand sessions", () => {
  const histories = Array.from({ length: 10_000 }, (_, seed) => historyOf(seed));
  const folded = new Map<string, number>();
  for (const count of histories.flatMap(countsOf)) folded.set(countKey(count), (folded.get(countKey(count)) ?? 0) + 1);
  const counted = bruteForce(histories);
  expect(Object.fromEntries(folded)).toEqual(Object.fromEntries(counted));
  const took = new Map<string, number>();
  for (const count of histories.flatMap(countsOf)) {
    if (count.tookMs !== null) took.set(countKey(count), (took.get(countKey(count)) ?? 0) + count.tookMs);
  }
  expect(Object.fromEntries(took)).toEqual(Object.fromEntries(bruteForceMs(histories)));
  // If one of these is missing, the search tried too little.
  const kinds = new Set([...folded.keys()].map((name) => name.split(" ")[2]!));
  expect([...kinds].toSorted()).toEqual([
    "cancelled",
    "completed",
    "completed_elsewhere",
    "corrected",
    "drafted",
    "entered",
    "expired",
    "lifted_in",
    "lifted_out",
    "started",
    "submitted",
    "typed",
  ]);
});

const at = Date.UTC(2026, 10, 30, 23, 59);
const entry = (given: Partial<FunnelEntry>): FunnelEntry => ({
  owner: "ada",
  session: "s",
  flow: "loan",
  version: 1,
  atMs: at,
  device: "phone",
  status: "active",
  current: "amount",
  submitted: null,
  draftedMs: null,
  liftedSteps: null,
  ...given,
});

test("a branch that the path leaves out loses nobody, and a correction adds nobody", () => {
  const counts = countsOf([
    entry({}),
    entry({ atMs: at + 1_000, submitted: "amount", current: "review" }),
    entry({ atMs: at + 2_000, submitted: "amount", current: "review" }),
    entry({
      atMs: at + 9_000,
      submitted: "review",
      draftedMs: at + 4_000,
      current: null,
      status: "completed",
      device: "laptop",
    }),
  ]);
  expect(counts.map(({ step, counted, tookMs }) => [step, counted, tookMs])).toEqual([
    [null, "started", null],
    ["amount", "entered", null],
    ["amount", "submitted", 1_000],
    ["review", "entered", null],
    ["amount", "corrected", null],
    ["review", "submitted", 8_000],
    ["review", "drafted", 3_000],
    ["review", "typed", 5_000],
    [null, "completed", 9_000],
    [null, "completed_elsewhere", null],
  ]);
});
