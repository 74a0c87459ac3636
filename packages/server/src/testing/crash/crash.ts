import { setTimeout } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import { Random } from "../random.ts";
import { Caller, type Answered } from "./caller.ts";

export interface CrashOptions {
  readonly seed: number;
  readonly rounds: number;
  /** The addresses that callers may use now. */
  readonly urls: () => readonly string[];
  /** Kills a part while callers write. Resolves when callers may be answered again. */
  readonly crash: (random: Random) => Promise<void>;
}

/** How many callers share an owner, and how many owners there are at a time. */
const CALLERS = 4;
const OWNERS = 3;
/** After this many rounds other owners write, so that limits are reached and begin again. */
const ROUNDS_PER_OWNER = 5;
/** The earliest and the latest crash within a round, in milliseconds. */
const EARLIEST_MS = 20;
const LATEST_MS = 350;

/**
 * Writes without pause while parts are killed at random moments. Returns every answer, once all have come. `breaches`
 * compares the answers with the database afterwards.
 *
 * @example
 * const log = await writeThroughCrashes({
 *   seed: 1,
 *   rounds: 10,
 *   urls: () => fleet.urls,
 *   crash: (random) => fleet.killOne(random),
 * });
 * expect(await breaches({ db, ledger, log, atMost: 20 })).toEqual([]);
 */
export async function writeThroughCrashes({ seed, rounds, urls, crash }: CrashOptions): Promise<readonly Answered[]> {
  const random = new Random(seed);
  const log: Answered[] = [];
  for (let round = 0; round < rounds; round += ROUNDS_PER_OWNER) {
    const calling = new AbortController();
    const callers = Array.from({ length: OWNERS }, (_, who) => {
      const given = { owner: `owner ${seed}-${round}-${who}`, shared: uuidv7(), urls, log };
      return Array.from(
        { length: CALLERS },
        () => new Caller({ ...given, random: new Random(random.between(0, 2 ** 31)) }),
      );
    }).flat();
    const writing = callers.map((caller) => caller.run(calling.signal));
    for (let crashes = 0; crashes < Math.min(ROUNDS_PER_OWNER, rounds - round); crashes += 1) {
      await setTimeout(random.between(EARLIEST_MS, LATEST_MS));
      await crash(random);
    }
    calling.abort();
    await Promise.all(writing);
  }
  return log;
}
