import {
  GRACE_MS,
  HANG_MS,
  OLD_BRANCH_MS,
  OVERLAP_MS,
  type OfferedSecret,
} from "../../../server/src/sign-in/token/rotation.ts";
import type { Random } from "../../../server/src/testing/random.ts";
import { Agenda } from "./agenda.ts";
import { HonestBrowser } from "./honest-browser.ts";
import { BrokenPromiseError, SignInNodes } from "./sign-in-nodes.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** How long owner and thief can share a sign-in after a rotation if both follow it, and send a request twice a minute. */
const FOLLOWED_MS = OVERLAP_MS + GRACE_MS;
/** The same for a thief who uses the secrets before as he likes. */
const SHARED_MS = OVERLAP_MS + OLD_BRANCH_MS;
/** The same if the owner gets no offer at once: the owner comes too late or too rarely, or replies are lost. */
const SLOW_MS = SHARED_MS + 2 * HANG_MS;

const habits = ["follows", "ignores", "hoards", "delays"] as const;

/** A thief copied the cookie. From the next rotation on, the sign-in ends within minutes of use by both. */
export function simulateStolen(random: Random): void {
  const agenda = new Agenda(0);
  const rotateMs = random.pick([15, 60]) * MINUTE_MS;
  const nodes = new SignInNodes(agenda, random, rotateMs);
  const lost = random.pick([0, 10]);
  const browser = new HonestBrowser(agenda, random, nodes, { lost, hung: 0 });
  const habit = random.pick(habits);
  const isIdle = random.between(1, 4) === 1;
  const paces = [15, 30, 60, 61, 90, 300].map((seconds) => seconds * SECOND_MS);
  const ownerPaceMs = random.pick(paces);
  const thiefPaceMs = random.between(1, 100) === 1 ? SECOND_MS : random.pick(paces);

  const stolen: OfferedSecret[] = [];
  let isOwnerHere = true;
  function browse(): void {
    if (nodes.endedMs !== undefined) return;
    if (isOwnerHere) browser.send();
    agenda.after(ownerPaceMs, browse);
  }
  function poll(): void {
    if (nodes.endedMs !== undefined) return;
    const token = chosen(habit, stolen, random);
    nodes.check(token, ({ kind, offer }) => {
      if (kind === "nobody" && nodes.endedMs === undefined)
        throw new BrokenPromiseError("S18: a replaced token is unknown");
      if (offer) stolen.push(offer);
    });
    agenda.after(thiefPaceMs, poll);
  }

  // Nothing happens long before the rotation is due.
  agenda.run(rotateMs - random.between(-10, 5) * MINUTE_MS);
  browse();
  agenda.run(agenda.nowMs + random.between(0, 8) * MINUTE_MS);
  const theftGeneration = browser.cookie.generation;
  stolen.push(browser.cookie);
  poll();
  if (isIdle) {
    isOwnerHere = false;
    agenda.run(agenda.nowMs + random.between(1, 40) * MINUTE_MS);
    isOwnerHere = true;
  }
  const returnedMs = agenda.nowMs;
  const horizonMs = returnedMs + 2 * rotateMs + 3 * SLOW_MS;
  while (nodes.endedMs === undefined && agenda.nowMs < horizonMs) agenda.run(agenda.nowMs + MINUTE_MS);
  // A rotation under way at the theft has been used by both only if both got another branch of it.
  const movedMs = nodes.movedMs.get(theftGeneration + 1) ?? Infinity;
  const sharedMs = Math.max(movedMs, returnedMs);
  const paceMs = Math.max(ownerPaceMs, thiefPaceMs);
  const isSlow = isIdle || lost > 0 || paceMs > 30 * SECOND_MS;
  const limitMs = (isSlow ? SLOW_MS : habit === "follows" ? FOLLOWED_MS : SHARED_MS) + 4 * paceMs;
  if (nodes.endedMs === undefined)
    throw new BrokenPromiseError(`S18: a thief who ${habit} and the owner go on for ever`);
  const lateMs = nodes.endedMs - sharedMs - limitMs;
  if (lateMs > 0)
    throw new BrokenPromiseError(`S18: with a thief who ${habit} the sign-in ends ${lateMs / SECOND_MS} s too late`);
}

function chosen(habit: (typeof habits)[number], stolen: readonly OfferedSecret[], random: Random): OfferedSecret {
  const newest = stolen.at(-1)!;
  switch (habit) {
    case "follows":
      return newest;
    case "ignores":
      return stolen[0]!;
    case "hoards":
      return random.pick(stolen);
    case "delays":
      return stolen.findLast(({ generation }) => generation < newest.generation) ?? newest;
  }
}
