import { v7 } from "uuid";
import { Random } from "../../server/src/testing/random.ts";

/** The random numbers of one part of a world. Each part has its own, so that a change in one changes no other. */
export function createRandom(seed: number, name: string): Random {
  let hash = seed | 0;
  for (const character of name) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return new Random(hash);
}

/** A UUIDv7 of this moment. */
export function createId(random: Random, nowMs: number): string {
  return v7({ msecs: nowMs, random: Uint8Array.from({ length: 16 }, () => random.between(0, 255)) });
}
