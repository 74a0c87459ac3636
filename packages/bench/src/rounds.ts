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

/** Times of calls that do the same at different sizes. */
export interface ComparedLatencies {
  /** The median times, in microseconds. */
  readonly rows: readonly MedianRow[];
  /** The median, over all turns, of the time at a size ÷ the time at the first size in the same turn. */
  readonly ratios: ReadonlyMap<number, number>;
}

/**
 * Compares calls that do the same at different sizes. The sizes take turns with each call, so that other load of the
 * machine slows all of them alike. The first round warms up and is not counted.
 */
export async function compareLatencies(
  what: string,
  calls: ReadonlyMap<number, () => Promise<unknown>>,
  { rounds, roundMs }: { readonly rounds: number; readonly roundMs: number },
): Promise<ComparedLatencies> {
  const sizes = [...calls].map(([at, call]) => ({ at, call, medians: [] as number[], ratios: [] as number[] }));
  for (let round = 0; round <= rounds; round += 1) {
    const times = sizes.map(() => [] as number[]);
    const started = performance.now();
    for (let turn = 0; performance.now() - started < roundMs * calls.size; turn += 1) {
      for (let step = 0; step < calls.size; step += 1) {
        // Each begins as often as the others.
        const index = (turn + step) % calls.size;
        const before = performance.now();
        await sizes[index]!.call();
        times[index]!.push((performance.now() - before) * 1_000);
      }
    }
    if (round === 0) continue;
    for (const [index, { medians, ratios }] of sizes.entries()) {
      medians.push(median(times[index]!));
      ratios.push(...times[index]!.map((time, turn) => time / times[0]![turn]!));
    }
  }
  return {
    rows: sizes.map(({ at, medians }) => ({ what, at, unit: "µs", median: median(medians), rounds: medians })),
    ratios: new Map(sizes.map(({ at, ratios }) => [at, median(ratios)])),
  };
}

/** The median of one variant. @throws {Error} if it was not measured. */
export function medianOf(rows: readonly MedianRow[], what: string, at: number | null = null): number {
  const row = rows.find((each) => each.what === what && each.at === at);
  if (row === undefined) throw new Error(`${what} at ${at} was not measured.`);
  return row.median;
}
