import { expect, test } from "vitest";
import { advance, defineFlow, step, type Command } from "@sessions/core/internal";
import { z } from "zod";
import { devices, idOf, START_MS, start, submit, draft, typedBy } from "../../../../core/src/testing/commands.ts";
import { keylessCipher } from "../../secrets/owner-cipher.ts";
import { nextStored, type StoredSession } from "./stored-session.ts";

const input = z.object({ n: z.number() });
const loan = defineFlow({
  name: "loan",
  version: 1,
  steps: { amount: step({ input }), reason: step({ input }), review: step({ input }) },
  path: ({ amount }) => (amount && amount.n > 5 ? ["amount", "reason", "review"] : ["amount", "review"]),
});
const session = idOf(0);
const seconds = (n: number) => new Date(START_MS + n * 1_000).toISOString();

/** Gives the stored session, and what the entry of the command says. */
function take(before: StoredSession | null, second: number, command: Command) {
  const context = { device: devices[0], nowMs: START_MS + second * 1_000 };
  const advanced = advance(loan, before?.snapshot ?? null, command, context);
  if (!advanced.accepted) throw new Error(advanced.refusal.code);
  const after = { snapshot: advanced.session };
  const { stored, entry } = nextStored(keylessCipher, before, after, advanced.change, command, loan);
  return { stored, drafted: entry?.body.drafted };
}

const typed = (name: string, n: number) => draft(session, name, typedBy(devices[0], { n }, START_MS + n));
const begun = () => take(null, 0, start(session, "loan")).stored;

test("a submission says when the first draft of its step came, since the session came to it", () => {
  let { stored } = take(begun(), 10, typed("amount", 1));
  ({ stored } = take(stored, 20, typed("amount", 2)));
  // The session is not at this step yet.
  ({ stored } = take(stored, 25, typed("review", 3)));
  const amount = submit(session, "amount", { n: 1 });
  const first = take(stored, 30, amount);
  expect(first.drafted).toBe(seconds(10));
  const review = take(first.stored, 40, submit(session, "review", { n: 1 }, { seen: { review: null } }));
  expect(review.drafted).toBeUndefined();
});

test("a draft that came before the session came to the step does not count, and one after it does", () => {
  const { stored: early } = take(begun(), 5, typed("review", 1));
  const { stored: at } = take(early, 10, submit(session, "amount", { n: 1 }));
  expect(take(at, 20, submit(session, "review", { n: 1 })).drafted).toBeUndefined();
  const { stored: later } = take(at, 15, typed("review", 2));
  expect(take(later, 20, submit(session, "review", { n: 1 })).drafted).toBe(seconds(15));
});

test("a correction of an earlier step has no such time, and keeps that of the step at which the session stands", () => {
  const amount = submit(session, "amount", { n: 1 });
  let { stored } = take(begun(), 10, amount);
  ({ stored } = take(stored, 20, typed("review", 1)));
  ({ stored } = take(stored, 30, typed("amount", 2)));
  const corrected = take(stored, 40, submit(session, "amount", { n: 2 }, { seen: { amount: amount.id } }));
  expect(corrected.drafted).toBeUndefined();
  expect(take(corrected.stored, 50, submit(session, "review", { n: 1 })).drafted).toBe(seconds(20));
});

test("a correction that leads to another step forgets the time of the step at which the session stood", () => {
  const amount = submit(session, "amount", { n: 1 });
  let { stored } = take(begun(), 10, amount);
  ({ stored } = take(stored, 20, typed("review", 1)));
  ({ stored } = take(stored, 30, submit(session, "amount", { n: 9 }, { seen: { amount: amount.id } })));
  ({ stored } = take(stored, 40, submit(session, "reason", { n: 1 })));
  expect(take(stored, 50, submit(session, "review", { n: 1 })).drafted).toBeUndefined();
});
