import { median } from "./report/statistics.ts";
import type { Row } from "./report/result.ts";

/** One of those that are compared. */
export interface Contestant {
  readonly what: string;
  readonly at: number | null;
  readonly unit: string;
  /** What must be there before its round, and is not measured. */
  readonly prepare?: () => Promise<void>;
  /** Runs for one round, and gives its figure. */
  readonly round: () => Promise<number>;
}

/**
 * Lets contestants run in turns, round after round, so that whatever else the machine does meets them all alike.
 * The first round warms up and is not counted.
 */
export async function compare(contestants: readonly Contestant[], rounds: number): Promise<readonly Row[]> {
  const found = contestants.map((contestant) => ({ contestant, values: [] as number[] }));
  for (let round = 0; round <= rounds; round += 1) {
    // Every other round backwards: nobody always follows the same neighbour.
    for (const { contestant, values } of round % 2 === 0 ? found : found.toReversed()) {
      await contestant.prepare?.();
      const value = await contestant.round();
      if (round > 0) values.push(value);
    }
  }
  return found.map(({ contestant: { what, at, unit }, values }) => ({
    what,
    at,
    unit,
    median: median(values),
    rounds: values,
  }));
}

/** How often a second callers, each waiting for its answer before it asks again, were answered within a time. */
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

/** How long a call takes in the middle, in microseconds, one after another for a time. */
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

/** The median of one contestant; it must be there. */
export function medianOf(rows: readonly Row[], what: string, at: number | null = null): number {
  const row = rows.find((each) => each.what === what && each.at === at);
  if (row === undefined) throw new Error(`${what} at ${at} was not measured.`);
  return row.median;
}
