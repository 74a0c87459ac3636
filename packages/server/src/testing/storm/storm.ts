import { setTimeout } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import { Random } from "../random.ts";
import { Caller, type Answered } from "./caller.ts";

export interface StormOptions {
  readonly seed: number;
  readonly rounds: number;
  /** Where to call, now. */
  readonly urls: () => readonly string[];
  /** Breaks something, in the middle of everything. Resolves when callers may be answered again. */
  readonly strike: (random: Random) => Promise<void>;
}

/** How many callers share an owner, and how many owners there are at a time. */
const CALLERS = 4;
const OWNERS = 3;
/** After this many rounds come other owners, so that limits are reached and begun anew. */
const ROUNDS_PER_ERA = 5;
/** When, within a round, is struck, in milliseconds. */
const EARLIEST_MS = 20;
const LATEST_MS = 350;

/** Writes without pause while something is struck at chance moments. Gives every answer, once all are there. */
export async function storm({ seed, rounds, urls, strike }: StormOptions): Promise<readonly Answered[]> {
  const random = new Random(seed);
  const log: Answered[] = [];
  for (let round = 0; round < rounds; round += ROUNDS_PER_ERA) {
    const calling = new AbortController();
    const callers = Array.from({ length: OWNERS }, (_, who) => {
      const given = { owner: `owner ${seed}-${round}-${who}`, shared: uuidv7(), urls, log };
      return Array.from(
        { length: CALLERS },
        () => new Caller({ ...given, random: new Random(random.between(0, 2 ** 31)) }),
      );
    }).flat();
    const errands = callers.map((caller) => caller.run(calling.signal));
    for (let strikes = 0; strikes < Math.min(ROUNDS_PER_ERA, rounds - round); strikes += 1) {
      await setTimeout(random.between(EARLIEST_MS, LATEST_MS));
      await strike(random);
    }
    calling.abort();
    await Promise.all(errands);
  }
  return log;
}
