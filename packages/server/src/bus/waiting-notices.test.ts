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
  const buffer = new WaitingNotices();
  for (const notice of notices) buffer.keep(notice);
  return buffer;
}

const taken = (buffer: WaitingNotices) => buffer.take().map(({ notice }) => notice);

test("of a session the newest notice waits, in whatever order they came", () => {
  const buffer = waiting(session("s", 2), session("s", 4), session("s", 3), session("s", 1, "eve"));
  expect(taken(buffer)).toEqual([session("s", 4), session("s", 1, "eve")]);
  expect(buffer.isEmpty).toBe(true);
});

test("every notice of a sign-in waits once, before those of sessions", () => {
  const buffer = waiting(session("s", 1), signIn("a"), signIn("b"), signIn("a"));
  expect(taken(buffer)).toEqual([signIn("a"), signIn("b"), session("s", 1)]);
});

test("S17: many sessions that change while nothing can be sent do not drop the end of a sign-in", () => {
  const buffer = waiting(signIn("ended"), ...Array.from({ length: 10_100 }, (_, index) => session(`${index}`, 1)));
  const all = taken(buffer);
  expect(all).toHaveLength(10_001);
  expect(all[0]).toEqual(signIn("ended"));
  expect(all).not.toContainEqual(session("99", 1));
});
