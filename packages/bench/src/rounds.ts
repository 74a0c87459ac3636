import { median } from "./report/statistics.ts";
import type { MedianRow } from "./report/result.ts";

/** One of the programs that a measurement compares. */
export interface Variant {
  readonly what: string;
  readonly at: number | null;
  readonly unit: string;
  /** Prepares a round. Its time is not measured. */
  readonly prepare?: () => Promise<void>;
  /** Runs for one round, and gives its figure. */
  readonly round: () => Promise<number>;
}

/**
 * Runs the variants in turns, round after round, so that other load of the machine slows all of them alike. The first
 * round warms up and is not counted.
 */
export async function compareVariants(variants: readonly Variant[], rounds: number): Promise<readonly MedianRow[]> {
  const found = variants.map((variant) => ({ variant, values: [] as number[] }));
  for (let round = 0; round <= rounds; round += 1) {
    // Every other round runs backwards, so that no variant always follows the same one.
    for (const { variant, values } of round % 2 === 0 ? found : found.toReversed()) {
      await variant.prepare?.();
      const value = await variant.round();
      if (round > 0) values.push(value);
    }
  }
  return found.map(({ variant: { what, at, unit }, values }) => ({
    what,
    at,
    unit,
    median: median(values),
    rounds: values,
  }));
}

/** Answers per second to this many callers. Each waits for its answer before it calls again. */
export async function throughput(
  callers: number,
  ms: number,
  call: (caller: number) => Promise<unknown>,
): Promise<number> {
  const started = performance.now();
  let calls = 0;
  const ask = async (caller: number) => {
    while (performance.now() - started < ms) {
      await call(caller);
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => ask(caller)));
  return (calls * 1_000) / (performance.now() - started);
}

/** The median time of a call, in microseconds. Calls follow one another for `ms` milliseconds. */
export async function latency(ms: number, call: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  const times: number[] = [];
  while (performance.now() - started < ms) {
    const before = performance.now();
    await call();
    times.push((performance.now() - before) * 1_000);
  }
  return median(times);
}

/** One of the places in which the same is done, such as a database. */
export interface Place {
  readonly what: string;
  readonly at: number;
  /** Makes what the calls of one round need, such as connections. */
  readonly open: () => Promise<{ readonly call: () => Promise<unknown>; readonly close: () => Promise<void> }>;
}

/** Times of calls that do the same in different places. */
export interface ComparedLatencies {
  /** The median times, in microseconds. */
  readonly rows: readonly MedianRow[];
  /**
   * For each place, the median over all turns of the time there ÷ the time at the first place in the same turn. The first
   * one is 1.
   */
  readonly ratios: readonly number[];
}

/** How long calls warm up in each round and place, in milliseconds. */
const WARM_UP_MS = 150;

/**
 * Compares calls that do the same in different places. The places take turns with each call, in an order that is drawn,
 * so that other load of the machine slows all of them alike. Each round has connections of its own: two that are open to
 * the same database differ by up to a tenth for as long as they are open.
 */
export async function compareLatencies(
  places: readonly Place[],
  { rounds, roundMs }: { readonly rounds: number; readonly roundMs: number },
): Promise<ComparedLatencies> {
  const medians = places.map(() => [] as number[]);
  const ratios = places.map(() => [] as number[]);
  for (let round = 0; round < rounds; round += 1) {
    const opened = await Promise.all(places.map(({ open }) => open()));
    for (const { call } of opened) await latency(WARM_UP_MS, call);
    const turns: number[][] = [];
    const started = performance.now();
    while (performance.now() - started < roundMs * places.length) {
      const times: number[] = [];
      for (const index of shuffled(places.length)) {
        const before = performance.now();
        await opened[index]!.call();
        times[index] = (performance.now() - before) * 1_000;
      }
      turns.push(times);
    }
    for (const index of places.keys()) {
      medians[index]!.push(median(turns.map((times) => times[index]!)));
      ratios[index]!.push(...turns.map((times) => times[index]! / times[0]!));
    }
    for (const { close } of opened) await close();
  }
  return {
    rows: places.map(({ what, at }, index) => ({
      what,
      at,
      unit: "µs",
      median: median(medians[index]!),
      rounds: medians[index]!,
    })),
    ratios: ratios.map(median),
  };
}

function shuffled(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => ({ index, key: Math.random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ index }) => index);
}

/** The median of one variant. @throws {Error} if it was not measured. */
export function medianOf(rows: readonly MedianRow[], what: string, at: number | null = null): number {
  const row = rows.find((each) => each.what === what && each.at === at);
  if (row === undefined) throw new Error(`${what} at ${at} was not measured.`);
  return row.median;
}
