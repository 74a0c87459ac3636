import { createRandom } from "../random.ts";
import { simulateHonest } from "./honest.ts";
import { BrokenPromiseError } from "./sign-in-nodes.ts";
import { simulateStolen } from "./stolen.ts";

/** One schedule of a sign-in, from its seed: of honest browsers and, in one of three, of a thief. */
export function simulateSignIns(seed: number): { readonly error?: BrokenPromiseError } {
  const random = createRandom(seed, "sign-ins");
  try {
    if (seed % 3 === 0) simulateStolen(random);
    else simulateHonest(random);
    return {};
  } catch (error) {
    if (error instanceof BrokenPromiseError) return { error };
    throw error;
  }
}
