import type { Command, Outcome } from "@sessions/core/internal";
import { expect, test, vi } from "vitest";
import { cancel } from "../../../../core/src/testing/commands.ts";
import { TimeoutError } from "../../environment.ts";
import { simulatedTime } from "../../testing/simulated-time.ts";
import { emptyBatch } from "./batch.ts";
import { createBisection } from "./bisection.ts";
import { AnswerError } from "../http/answer.ts";
import { createPushFailures } from "./push-failures.ts";
import { createPushSize } from "./push-size.ts";
import type { Replies } from "./replies.ts";

const sessions = ["0190b2f4-0000-7000-8000-00000000000a", "0190b2f4-0000-7000-8000-00000000000b"];
const commands: readonly Command[] = sessions.map((session) => cancel(session));

/** Pushes that fail. `receipt` is the outcome that the server has of a command. */
function failing(receipt: Outcome | null = null) {
  const { environment } = simulatedTime();
  const bisection = createBisection(environment, () => {});
  const size = createPushSize(90_000);
  const apply = vi.fn<Replies["apply"]>(() => false);
  const now = "2026-11-01T00:00:00.000Z";
  const api = {
    push: async () => ({ now, outcomes: [], snapshots: [] }),
    receipt: async () => ({ now, outcome: receipt }),
  };
  const failures = createPushFailures(api, environment, bisection, size, apply);
  const after = (error: unknown, sent = commands) =>
    failures.after(error, { ...emptyBatch(), commands: [...sent], bytes: 60_000 });
  return { after, apply, bisection, failures, size };
}

function answered(status: number, more: object = {}) {
  return { cause: new AnswerError({ status, ...more }) };
}

test("two failures without an answer are a bad moment, and the third one makes the sessions suspects", async () => {
  const { after, bisection } = failing();
  expect(await after(new TypeError("Failed to fetch"))).toBe(500);
  expect(await after(new TypeError("Failed to fetch"))).toBe(1_000);
  expect(sessions.some(bisection.has)).toBe(false);
  expect(await after(new TypeError("Failed to fetch"))).toBe(0);
  expect(sessions.every(bisection.has)).toBe(true);
});

test("a push that got through ends a bad moment", async () => {
  const { after, bisection, failures } = failing();
  await after(new TypeError("Failed to fetch"));
  await after(new TypeError("Failed to fetch"));
  failures.reset();
  expect(await after(new TypeError("Failed to fetch"))).toBe(500);
  expect(sessions.some(bisection.has)).toBe(false);
});

test("a push that was too late, or too large for a host, is followed by a smaller one", async () => {
  const { after, size, bisection } = failing();
  expect(await after(new TimeoutError())).toBe(500);
  expect(size.maxBytes).toBe(30_000);
  expect(await after(answered(413))).toBe(0);
  expect(size.maxBytes).toBe(15_000);
  expect(sessions.some(bisection.has)).toBe(false);
});

test("the client waits as long as the server wishes, at most five minutes", async () => {
  expect(await failing().after(answered(503, { retryAfterMs: 7_000 }))).toBe(7_000);
  expect(await failing().after(answered(503, { retryAfterMs: 3_600_000 }))).toBe(300_000);
});

test("a single command that a host refuses three times is refused as blocked, unless the server has accepted it", async () => {
  const [first] = commands;
  const blocked = failing();
  for (let failure = 1; failure <= 2; failure += 1) await blocked.after(answered(403), [first!]);
  expect(blocked.apply).not.toHaveBeenCalled();
  await blocked.after(answered(403), [first!]);
  const outcomes = [{ status: "refused", refusal: { code: "blocked", status: 403 } }];
  expect(blocked.apply).toHaveBeenCalledWith([first], { outcomes, snapshots: [] });
  expect(blocked.bisection.has(sessions[0]!)).toBe(false);

  const accepted = failing({ status: "accepted", revision: 2, replayed: true });
  for (let failure = 1; failure <= 3; failure += 1) await accepted.after(answered(403), [first!]);
  expect(accepted.apply).not.toHaveBeenCalled();
});

test("a single command that is too large for a host is refused at once", async () => {
  const { after, apply } = failing();
  await after(answered(413), commands.slice(0, 1));
  const outcomes = [{ status: "refused", refusal: { code: "too_large", atMost: 59_999 } }];
  expect(apply).toHaveBeenCalledWith(commands.slice(0, 1), { outcomes, snapshots: [] });
});
