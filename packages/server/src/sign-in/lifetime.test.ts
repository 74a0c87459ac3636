import { expect, test } from "vitest";
import { endsAt, lifetimeOf, type SignInExpires } from "./lifetime.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

test.each<readonly [expires: SignInExpires, absoluteMs: number, idleMs: number | undefined, slackMs: number]>([
  ["aal1", 30 * DAY_MS, undefined, MINUTE_MS],
  ["aal2", DAY_MS, HOUR_MS, 3 * MINUTE_MS],
  ["aal3", 12 * HOUR_MS, 15 * MINUTE_MS, MINUTE_MS],
  [{ absolute: "180d" }, 180 * DAY_MS, undefined, MINUTE_MS],
  [{ idle: "30d", absolute: "180d" }, 180 * DAY_MS, 30 * DAY_MS, 1.5 * DAY_MS],
])("%j has its times", (expires, absoluteMs, idleMs, slackMs) => {
  expect(lifetimeOf(expires)).toEqual({ absoluteMs, slackMs, ...(idleMs === undefined ? {} : { idleMs }) });
});

test.each<readonly [expires: unknown, says: RegExp]>([
  ["aal4", /expires/],
  ["toString", /expires/],
  [{}, /expires\.absolute/],
  [{ absolute: "never" }, /expires\.absolute/],
  [{ absolute: 30 }, /expires\.absolute/],
  [{ idle: "0m", absolute: "1d" }, /expires\.idle/],
  [{ idle: "2d", absolute: "1d" }, /longer/],
])("%j is refused by name", (expires, says) => {
  expect(() => lifetimeOf(expires as SignInExpires)).toThrow(/^configuration_invalid/);
  expect(() => lifetimeOf(expires as SignInExpires)).toThrow(says);
});

const own = { guestSession: null };

test("S16: a use that is noted as late as the slack allows ends nothing early", () => {
  const lifetime = lifetimeOf("aal2");
  const usedMs = 10 * HOUR_MS;
  // The last use was noted up to the slack before it.
  const noted = { ...own, provedMs: 0, lastUsedMs: usedMs - lifetime.slackMs };
  expect(endsAt(lifetime, noted)).toBe(usedMs + HOUR_MS);
});

test("S17: no use goes beyond the absolute deadline, and a new proof resets both", () => {
  const lifetime = lifetimeOf("aal3");
  expect(endsAt(lifetime, { ...own, provedMs: 0, lastUsedMs: 12 * HOUR_MS - 1 })).toBe(12 * HOUR_MS);
  expect(endsAt(lifetime, { ...own, provedMs: 12 * HOUR_MS, lastUsedMs: 12 * HOUR_MS })).toBe(
    12 * HOUR_MS + 16 * MINUTE_MS,
  );
});

test("without an idle time only the proof counts", () => {
  expect(endsAt(lifetimeOf("aal1"), { ...own, provedMs: 5, lastUsedMs: 5 })).toBe(30 * DAY_MS + 5);
});

test("S21: a guest is out after an hour at most, however often they come, and earlier where the owner would be", () => {
  const guest = { guestSession: "session", provedMs: 0 };
  expect(endsAt(lifetimeOf("aal1"), { ...guest, lastUsedMs: 3_599_999 })).toBe(HOUR_MS);
  expect(endsAt(lifetimeOf("aal3"), { ...guest, lastUsedMs: 0 })).toBe(16 * MINUTE_MS);
  expect(endsAt(lifetimeOf({ absolute: "10m" }), { ...guest, lastUsedMs: 0 })).toBe(10 * MINUTE_MS);
});
