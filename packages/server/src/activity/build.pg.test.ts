import { afterAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { count, createActivity, defineActivity } from "./index.ts";
import { likes, reading, testActivity } from "../testing/activity/activities.ts";
import { eventually } from "../testing/eventually.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { Random } from "../testing/random.ts";
import { builtSessions, sessionizedLog } from "../testing/activity/sessionized.ts";

const { pool } = await freshDatabase();
const HOUR_MS = 3_600_000;
/** Each test begins at a noon after all that the test before has closed. */
let noonMs = Date.UTC(2026, 10, 28, 12);
let nowMs = noonMs;
const node = testActivity(pool, { now: () => nowMs });
await node.migrate();
await node.start();
afterAll(() => node.close());
beforeEach(() => {
  noonMs += 40 * 24 * HOUR_MS;
  nowMs = noonMs;
});

const activities = [reading, likes];

/** Resolves when all that was recorded is built. */
const built = () =>
  eventually(async () => {
    const { rows } = await pool.query<{ pending: string }>(
      `select count(*) as pending from sessions.activity_event, sessions.projection_feed as feed
      where feed.scanning or not pg_visible_in_snapshot(activity_event.xid, feed.snapshot::pg_snapshot)`,
    );
    expect(rows[0]!.pending).toBe("0");
  });

const opened = (owner: string, hours: number, post = "a") =>
  node.record(owner, "post_opened", { post, seconds: 10 }, { at: noonMs + hours * HOUR_MS });

test("the current activity session has the events of now, with its counters, and ends with its gap", async () => {
  for (const [hours, post] of [
    [-1.5, "a"],
    [-1, "b"],
    [-0.5, "a"],
  ] as const)
    await opened("ada", hours, post);
  await node.record("ada", "post_liked", { post: "b" }, { at: noonMs - HOUR_MS / 2 });
  await node.caughtUp();
  expect(await node.current("ada", reading)).toEqual({
    startedMs: noonMs - 1.5 * HOUR_MS,
    lastMs: noonMs - HOUR_MS / 2,
    events: 4,
    isOpen: true,
    counts: { posts: 3, different: 2, seconds: 30, entered: "a", left: "a", likes: 1 },
  });
  // The other activity goes by the server's clock.
  expect(await node.current("ada", likes)).toMatchObject({ startedMs: noonMs, counts: { likes: 1 } });
  nowMs = noonMs + HOUR_MS / 2;
  expect(await node.current("ada", reading)).not.toBeNull();
  nowMs += 1;
  expect(await node.current("ada", reading)).toBeNull();
});

test("S9: an owner sees no activity session of another one", async () => {
  await opened("bob", -1);
  await built();
  expect(await node.list("bo", reading)).toEqual({ sessions: [], next: null });
  expect(await node.counts("bo", reading, { fromMs: 0 })).toMatchObject({ sessions: 0, events: 0 });
});

test("S22: events in any order, in many pages, give the activity sessions of the sorted whole, also after they are archived", async () => {
  const random = new Random(7);
  const owners = ["o1", "o2", "o3", "o4"];
  for (let batch = 0; batch < 8; batch += 1) {
    const calls = Array.from({ length: 40 }, () => {
      const at = noonMs - random.between(0, 30 * 60) * 60_000;
      const [owner, post] = [random.pick(owners), random.pick(["a", "b", "c"])];
      return random.next() < 0.7
        ? node.record(owner, "post_opened", { post, seconds: random.between(0, 9) }, { at })
        : node.record(owner, "post_liked", { post }, { at });
    });
    await Promise.all(calls);
    nowMs += 60_000;
    if (batch % 3 === 0) await built();
  }
  await built();
  // All can change no more.
  nowMs = noonMs + 10 * 24 * HOUR_MS;
  expect(await node.sweep()).toBeGreaterThan(10);
  expect(await builtSessions(pool)).toEqual(await sessionizedLog(pool, activities));
  const { rows } = await pool.query("select from sessions.activity_session");
  expect(rows).toEqual([]);
});

test("S22: a node of an earlier deploy, which does not know an activity, counts its events too", async () => {
  const writing = defineActivity({
    name: "writing",
    gap: "1h",
    events: { post_written: z.object({ post: z.string() }) },
    counts: { posts: count("post_written") },
  });
  const later = createActivity({ database: pool, activities: [writing], builds: false, now: () => nowMs });
  await later.start();
  await later.record("dee", "post_written", { post: "1" });
  await built();
  expect(await later.current("dee", writing)).toMatchObject({ events: 1, counts: { posts: 1 } });
  await later.close();
});

test("a page goes on where the one before ended, over the archive and what can still change", async () => {
  const hours = [-20, -17, -14, -11, -8, -5, -2];
  for (const hour of hours) await opened("eve", hour);
  await built();
  nowMs = noonMs + 14 * HOUR_MS;
  await node.sweep();
  const { rows } = await pool.query("select from sessions.activity_session where owner_id = 'eve'");
  expect(rows.length).toBeGreaterThan(0);
  expect(rows.length).toBeLessThan(7);
  const found: number[] = [];
  let before: number | null | undefined;
  do {
    const page = await node.list("eve", reading, { limit: 2, ...(before && { before }) });
    found.push(...page.sessions.map(({ startedMs }) => (startedMs - noonMs) / HOUR_MS));
    before = page.next;
  } while (before !== null);
  expect(found).toEqual(hours.toReversed());
  expect(await node.counts("eve", reading, { fromMs: noonMs - 14 * HOUR_MS, untilMs: noonMs - 3 * HOUR_MS })).toEqual({
    sessions: 4,
    events: 4,
    late: 0,
    counts: { posts: 4, different: 1, seconds: 40, entered: "a", left: "a", likes: 0 },
    isComplete: true,
  });
});

test("a run over midnight is one activity session in a page, and in the archive", async () => {
  for (const hours of [11.5, 12, 12.5]) {
    nowMs = noonMs + hours * HOUR_MS;
    await opened("fay", hours);
  }
  await built();
  const expected = [{ startedMs: noonMs + 11.5 * HOUR_MS, lastMs: noonMs + 12.5 * HOUR_MS, events: 3 }];
  expect((await node.list("fay", reading)).sessions).toMatchObject(expected);
  nowMs += 30 * HOUR_MS;
  expect(await node.sweep()).toBeGreaterThan(0);
  expect((await node.list("fay", reading)).sessions).toMatchObject(expected);
});

test("S22: an event that comes too late is counted as such, and one that is just in time is not", async () => {
  await opened("gil", -24);
  await node.record("gil", "post_opened", { post: "late" }, { at: noonMs - 24 * HOUR_MS - 1 });
  await built();
  expect((await node.list("gil", reading)).sessions).toMatchObject([{ startedMs: noonMs - 24 * HOUR_MS, events: 1 }]);
  const counts = await node.counts("gil", reading, { fromMs: noonMs - 48 * HOUR_MS });
  expect(counts).toMatchObject({ sessions: 1, events: 1, late: 1 });
});

test("S22: a scan of all events gives the same activity sessions again", async () => {
  nowMs = noonMs + 26 * HOUR_MS;
  await node.sweep();
  const before = await builtSessions(pool);
  expect(before.length).toBeGreaterThan(20);
  await pool.query(
    "update sessions.projection_feed set fence = fence + 1, holder = null, scanning = true, snapshot = pg_current_snapshot()::text",
  );
  // A half of what was built is wrong.
  await pool.query("update sessions.activity_session_archive set events = 99 where random() < 0.5");
  await eventually(async () => {
    const { rows } = await pool.query<{ scanning: boolean }>("select scanning from sessions.projection_feed");
    expect(rows[0]!.scanning).toBe(false);
  });
  await node.sweep();
  expect(await builtSessions(pool)).toEqual(before);
});
