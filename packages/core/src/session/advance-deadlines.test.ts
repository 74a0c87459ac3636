import { expect, test } from "vitest";
import { z } from "zod";
import { defineFlow } from "../flow/flow.ts";
import { expireIfDue } from "./change.ts";
import { advance } from "./advance.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { step } from "../flow/step.ts";
import { accepted } from "../testing/accepted.ts";
import { START_MS, devices, idOf, start, submit } from "../testing/commands.ts";

const HOUR_MS = 3_600_000;
const input = z.object({ n: z.int() });
const flow = defineFlow({
  name: "timed",
  version: 1,
  steps: { first: step({ input }), last: step({ input }) },
  expires: { idle: "2h", absolute: "5h" },
});
const at = (nowMs: number) => ({ nowMs, device: devices[0] });

const started = (nowMs: number) => accepted(advance(flow, null, start(idOf(0), "timed"), at(nowMs)));

const submitted = (session: Snapshot, name: "first" | "last", n: number, nowMs: number) => {
  const seen = { [name]: session.submissions[name]?.command ?? null };
  return advance(flow, session, submit(session.id, name, { n }, { seen }), at(nowMs));
};

const touched = (session: Snapshot, n: number, nowMs: number) => accepted(submitted(session, "first", n, nowMs));

test("S7: a session takes commands until the millisecond before its deadline, and none at it", () => {
  const session = started(START_MS);
  const deadlineMs = START_MS + 2 * HOUR_MS;
  expect(Date.parse(session.expiresAt)).toBe(deadlineMs);

  expect(submitted(session, "first", 1, deadlineMs - 1).accepted).toBe(true);
  expect(submitted(session, "first", 1, deadlineMs)).toEqual({
    accepted: false,
    refusal: { code: "expired", at: session.expiresAt },
  });
});

test("S7: a session reads as expired from its deadline on, whether or not a sweep has seen it", () => {
  const session = started(START_MS);
  const deadlineMs = Date.parse(session.expiresAt);
  expect(expireIfDue(session, deadlineMs - 1)).toBe(session);

  const expired = expireIfDue(session, deadlineMs);
  expect(expired).toEqual({ ...session, status: "expired", endedAt: session.expiresAt, revision: 2, drafts: {} });
  expect(expireIfDue(session, deadlineMs + 1e10)).toEqual(expired);
  expect(expireIfDue(expired, deadlineMs + 1e10)).toBe(expired);
});

test("S7: an expired session refuses alike before and after it is stored as expired", () => {
  const session = started(START_MS);
  const lateMs = Date.parse(session.expiresAt) + 1;
  expect(submitted(expireIfDue(session, lateMs), "first", 1, lateMs)).toEqual(submitted(session, "first", 1, lateMs));
});

test("S7: each change moves the idle deadline, up to the absolute one", () => {
  let session = started(START_MS);
  session = touched(session, 1, START_MS + 1.5 * HOUR_MS);
  expect(Date.parse(session.expiresAt)).toBe(START_MS + 3.5 * HOUR_MS);
  session = touched(session, 2, START_MS + 3.4 * HOUR_MS);
  expect(Date.parse(session.expiresAt)).toBe(START_MS + 5 * HOUR_MS);
  expect(submitted(session, "last", 3, START_MS + 5 * HOUR_MS)).toMatchObject({ refusal: { code: "expired" } });
});

test("S7: an absolute deadline shorter than the idle one holds from the start", () => {
  const short = defineFlow({
    name: "timed",
    version: 1,
    steps: { only: step({ input }) },
    expires: { idle: "2h", absolute: "30m" },
  });
  const result = advance(short, null, start(idOf(0), "timed"), at(START_MS));
  expect(result.accepted && Date.parse(result.session.expiresAt)).toBe(START_MS + HOUR_MS / 2);
});

test("S7: a clock that steps back moves neither the deadline nor the last change", () => {
  const session = touched(started(START_MS), 1, START_MS + HOUR_MS);
  const later = touched(session, 2, START_MS + HOUR_MS / 2);
  expect(later.updatedAt).toBe(session.updatedAt);
  expect(later.expiresAt).toBe(session.expiresAt);
});
