import { afterAll, beforeEach, expect, test } from "vitest";
import { likes, reading, testActivity } from "../testing/activity/activities.ts";
import { builtSessions, sessionizedLog } from "../testing/activity/sessionized.ts";
import { adoptSessions, visitorNamed } from "../testing/adopting.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { Random } from "../testing/random.ts";

const { pool } = await freshDatabase();
const HOUR_MS = 3_600_000;
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

const opened = (owner: string, hours: number, post = "a", id?: string) =>
  node.record(owner, "post_opened", { post, seconds: 10 }, { at: noonMs + hours * HOUR_MS, ...(id && { id }) });

/** Which tables still have rows of a visitor. */
async function tablesOf(owner: string): Promise<readonly string[]> {
  const tables = ["activity_event", "activity_session", "activity_session_archive", "activity_late"];
  const found = await Promise.all(
    tables.map((table) => pool.query(`select from sessions.${table} where owner_id = $1 limit 1`, [owner])),
  );
  return tables.filter((_, index) => found[index]!.rowCount! > 0);
}

test("S20: what a visitor did is the owner's after the sign-in, and joins what the owner did at the same time", async () => {
  const visitor = visitorNamed("one");
  for (const hours of [-4, -1.5, -1]) await opened(visitor, hours, "a");
  for (const hours of [-5, -0.5]) await opened("ada", hours, "b");
  await node.caughtUp();
  expect((await node.list("ada", reading)).sessions).toHaveLength(2);
  await adoptSessions(node, visitor, "ada");
  await node.caughtUp();
  const { sessions } = await node.list("ada", reading);
  expect(sessions.map(({ startedMs, lastMs, events }) => [startedMs - noonMs, lastMs - noonMs, events])).toEqual([
    [-1.5 * HOUR_MS, -0.5 * HOUR_MS, 3],
    [-5 * HOUR_MS, -4 * HOUR_MS, 2],
  ]);
  expect(sessions[0]!.counts).toMatchObject({ posts: 3, different: 2, seconds: 30, entered: "a", left: "b" });
  expect(await tablesOf(visitor)).toEqual([]);
});

test("S20: an event that a visitor's request records after the sign-in is the owner's, and another owner gets nothing", async () => {
  const visitor = visitorNamed("two");
  await opened(visitor, -0.5);
  await adoptSessions(node, visitor, "bob");
  expect(await adoptSessions(node, visitor, "eve")).toBeNull();
  await opened(visitor, -0.25);
  await node.caughtUp();
  // The feed finds the moved event again.
  await node.caughtUp();
  expect(await node.current("bob", reading)).toMatchObject({ events: 2 });
  expect(await node.list("eve", reading)).toEqual({ sessions: [], next: null });
  expect(await tablesOf(visitor)).toEqual([]);
});

test("S20, S22: what is in the archive joins too, is cut where it is too long, and late events stay late", async () => {
  const visitor = visitorNamed("three");
  // The owner's two visits, and the visitor's between them: all in one, and longer than a day.
  const hours = (from: number, until: number) => Array.from({ length: until - from + 1 }, (_, hour) => from + hour);
  for (const hour of hours(-20, -8)) await opened("cy", hour);
  for (const hour of hours(-7, 1)) {
    nowMs = noonMs + Math.max(0, hour) * HOUR_MS;
    await opened(visitor, hour);
  }
  nowMs = noonMs + 10 * HOUR_MS;
  for (const hour of hours(2, 10)) await opened("cy", hour);
  await opened(visitor, -20);
  await node.caughtUp();
  nowMs = noonMs + 5 * 24 * HOUR_MS;
  await node.sweep();
  expect(await tablesOf(visitor)).toContain("activity_session_archive");
  await adoptSessions(node, visitor, "cy");
  await node.caughtUp();
  await node.sweep();
  const built = await builtSessions(pool);
  expect(built).toEqual(await sessionizedLog(pool, [reading, likes]));
  expect(built.filter((line) => line.startsWith("reading of cy"))).toHaveLength(3);
  expect(await tablesOf(visitor)).toEqual([]);
});

test("S20, S22: visitors are adopted while they and their owners act: each event counts once, as in the sorted whole", async () => {
  const random = new Random(20);
  const owners = ["o1", "o2", "o3"];
  let visitors = owners.map((owner) => visitorNamed(owner));
  for (let round = 0; round < 8; round += 1) {
    const acts = Array.from({ length: 60 }, () => {
      const owner = random.pick([...owners, ...visitors]);
      return opened(owner, -random.between(0, 23 * 60) / 60, random.pick(["a", "b"]), undefined);
    });
    const index = round % owners.length;
    const signIn = adoptSessions(node, visitors[index]!, owners[index]!);
    await Promise.all([...acts, signIn]);
    visitors = visitors.map((visitor, place) =>
      place === index ? visitorNamed(`${owners[place]} ${round}`) : visitor,
    );
    nowMs += 60_000;
    // Each third time what is closed goes to the archive in the midst of it.
    if (round % 3 === 2) {
      await node.caughtUp();
      nowMs += 20 * HOUR_MS;
      noonMs = nowMs;
      await node.sweep();
    }
  }
  await node.caughtUp();
  await node.caughtUp();
  nowMs += 10 * 24 * HOUR_MS;
  await node.sweep();
  expect(await builtSessions(pool)).toEqual(await sessionizedLog(pool, [reading, likes]));
});

test("S22: a first scan, which begins long after a sign-in, finds the visitor's events as the owner's", async () => {
  const visitor = visitorNamed("late");
  await opened(visitor, -0.5);
  await opened("dee", -0.75);
  await node.caughtUp();
  await adoptSessions(node, visitor, "dee");
  await pool.query(
    `update sessions.projection_feed set fence = fence + 1, holder = null, scanning = true, upto = null, after = null,
      snapshot = pg_current_snapshot()::text`,
  );
  await node.caughtUp();
  await node.caughtUp();
  expect(await node.current("dee", reading)).toMatchObject({ events: 2 });
  expect(await tablesOf(visitor)).toEqual([]);
});
