import { expect, test } from "vitest";
import type { Snapshot } from "@sessions/core/internal";
import { shareEvents } from "./shared-events.ts";

// The events are compared by identity alone.
const [one, other] = [{ id: "1" }, { id: "2" }] as unknown as readonly [Snapshot, Snapshot];

test("watchers that get a change within 20 ms get the same event", () => {
  let nowMs = 0;
  let made = 0;
  const eventOf = shareEvents(
    (snapshots, more) => ({ snapshots, more, nth: (made += 1) }),
    () => nowMs,
  );
  const first = eventOf([one], false);
  nowMs += 19;
  expect(eventOf([one], false)).toBe(first);
  expect(first).toEqual({ snapshots: [one], more: false, nth: 1 });
  expect(eventOf([other], false)).toMatchObject({ snapshots: [other], nth: 2 });
  nowMs += 20;
  expect(eventOf([other], false)).toMatchObject({ nth: 3 });
});

test("heartbeats within 20 ms are the same event", () => {
  let nowMs = 0;
  const eventOf = shareEvents(
    (snapshots, more) => ({ snapshots, more }),
    () => nowMs,
  );
  const first = eventOf([], false);
  expect(first).toEqual({ snapshots: [], more: false });
  expect(eventOf([], false)).toBe(first);
  expect(eventOf([one], false)).not.toBe(first);
  nowMs += 20;
  expect(eventOf([], false)).not.toBe(first);
});

test("pages are not shared", () => {
  const eventOf = shareEvents(
    (snapshots, more) => ({ snapshots, more }),
    () => 0,
  );
  expect(eventOf([], true)).not.toBe(eventOf([], true));
  expect(eventOf([one], true)).toEqual({ snapshots: [one], more: true });
  expect(eventOf([one], false)).toEqual({ snapshots: [one], more: false });
  expect(eventOf([one, other], false)).toEqual({ snapshots: [one, other], more: false });
});
