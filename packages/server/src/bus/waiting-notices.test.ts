import { expect, test } from "vitest";
import type { Notice } from "./bus.ts";
import { WaitingNotices } from "./waiting-notices.ts";

const session = (id: string, revision: number, owner = "ada"): Notice => ({
  kind: "session",
  owner,
  session: id,
  revision,
});
const signIn = (content: string): Notice => ({ kind: "sign_in", content });

function waiting(...notices: readonly Notice[]): WaitingNotices {
  const kept = new WaitingNotices();
  for (const notice of notices) kept.keep(notice);
  return kept;
}

const taken = (kept: WaitingNotices) => kept.take().map(({ notice }) => notice);

test("of a session the newest notice waits, in whatever order they came", () => {
  const kept = waiting(session("s", 2), session("s", 4), session("s", 3), session("s", 1, "eve"));
  expect(taken(kept)).toEqual([session("s", 4), session("s", 1, "eve")]);
  expect(kept.isEmpty).toBe(true);
});

test("every notice of a sign-in waits once, before those of sessions", () => {
  const kept = waiting(session("s", 1), signIn("a"), signIn("b"), signIn("a"));
  expect(taken(kept)).toEqual([signIn("a"), signIn("b"), session("s", 1)]);
});

test("S17: many sessions that change while nothing can be sent do not drop the end of a sign-in", () => {
  const kept = waiting(signIn("ended"), ...Array.from({ length: 10_100 }, (_, index) => session(`${index}`, 1)));
  const all = taken(kept);
  expect(all).toHaveLength(10_001);
  expect(all[0]).toEqual(signIn("ended"));
  expect(all).not.toContainEqual(session("99", 1));
});
