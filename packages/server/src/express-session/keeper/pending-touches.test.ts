import { expect, test } from "vitest";
import { PendingTouches } from "./pending-touches.ts";

test("a deadline waits until it is written, and an outage is told once", async () => {
  let isAway = true;
  const [written, reported]: [number[], unknown[]] = [[], []];
  const touches = new PendingTouches({
    write: ({ expiresMs }) => (isAway ? Promise.reject(new Error("away")) : Promise.resolve(written.push(expiresMs))),
    report: (error) => reported.push(error),
  });
  const stored = { key: "a", expiresMs: 1_000 };
  const add = (expiresMs: number) => touches.add({ ...stored, sid: "sid", expiresMs, sinceMs: 1_000 }, 60_000);
  add(2_000);
  for (let attempt = 0; attempt < 3; attempt += 1) await touches.write();
  expect([touches.deadlineOf(stored), written, reported]).toEqual([2_000, [], [new Error("away")]]);
  isAway = false;
  await touches.write();
  expect([touches.deadlineOf(stored), written]).toEqual([1_000, [2_000]]);
  isAway = true;
  add(3_000);
  await touches.write();
  expect(reported).toHaveLength(2);
  // Another request has moved the deadline to an earlier time.
  expect(touches.deadlineOf({ key: "a", expiresMs: 999 })).toBe(999);
  touches.clear();
});
