import { PostgresJSDialect } from "kysely-postgres-js";
import postgres from "postgres";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import type { Database } from "../postgres/database.ts";
import { likes, reading, testActivity } from "../testing/activity/activities.ts";
import { builtSessions, sessionizedLog } from "../testing/activity/sessionized.ts";
import { eventually } from "../testing/eventually.ts";
import { emptyPGlite } from "../testing/pglite.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { Random } from "../testing/random.ts";
import { count, createActivity, defineActivity, distinct, sum, type AnyActivity } from "./index.ts";
import { newEventId } from "./recorder/event-id.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const noonMs = Date.UTC(2026, 10, 28, 12);
const { pool, url } = await freshDatabase();
const client = postgres(url, { max: 4, onnotice: () => {} });
afterAll(() => client.end({ timeout: 1 }));

const databases: readonly (readonly [string, () => Promise<{ database: Database; query: typeof pool }>])[] = [
  ["postgres.js", async () => ({ database: new PostgresJSDialect({ postgres: client }), query: pool })],
  [
    "PGlite",
    async () => {
      const database = await emptyPGlite();
      onTestFinished(() => database.close());
      // Its `query` takes a text and gives rows, as that of a pool does.
      return { database, query: database as unknown as typeof pool };
    },
  ],
];

test.for(databases)(
  "S22: on %s, late, doubled and bridging events give the activity sessions of the sorted whole",
  async ([, open]) => {
    const { database, query } = await open();
    let nowMs = noonMs;
    const node = testActivity(database, { now: () => nowMs });
    onTestFinished(() => node.close());
    await node.migrate();
    await node.start();
    const random = new Random(3);
    for (let batch = 0; batch < 2; batch += 1) {
      const calls = Array.from({ length: 30 }, () => {
        const atMs = noonMs - random.between(0, 28 * 60) * 60_000;
        const options = { id: newEventId(atMs) };
        const [owner, post] = [random.pick(["o1", "o2"]), random.pick(["a", "b", "c"])];
        const record = () =>
          random.next() < 0.5
            ? node.record(owner, "post_opened", { post, seconds: random.between(0, 9) }, options)
            : node.record(owner, "post_liked", { post }, options);
        // Of two events with one id the first one counts.
        return random.next() < 0.3 ? Promise.all([record(), record()]) : record();
      });
      await Promise.all(calls);
      await node.caughtUp();
    }
    nowMs += 10 * DAY_MS;
    expect(await node.sweep()).toBeGreaterThan(2);
    expect(await builtSessions(query)).toEqual(await sessionizedLog(query, [reading, likes]));
  },
);

const schemaOf = (name: string) => name.replaceAll("-", "_");

/** Nodes of one schema, each with the activities of its deploy. */
async function deploys(schema: string) {
  const clock = { nowMs: noonMs };
  let running: { close(): Promise<void> } | undefined;
  onTestFinished(async () => running?.close());
  return {
    clock,
    /** Ends the node before, and starts one with this activity. */
    async deploy<A extends AnyActivity>(activity: A) {
      await running?.close();
      const node = createActivity({ database: pool, schema, activities: [activity], now: () => clock.nowMs });
      running = node;
      await node.migrate();
      await node.start();
      return node;
    },
  };
}

const events = { seen: z.object({ page: z.string(), cents: z.int().optional() }) };

test("S22: a gap that a deploy changes counts for later events, and no event is lost or counted twice", async () => {
  const { clock, deploy } = await deploys(schemaOf("gap-changed"));
  const withGap = (gap: "1h" | "3h") =>
    defineActivity({ name: "visits", gap, events, counts: { views: count("seen") } });
  const see = (node: Awaited<ReturnType<typeof deploy<ReturnType<typeof withGap>>>>, hours: number) =>
    node.record("ada", "seen", { page: "a" }, { at: noonMs + hours * HOUR_MS });
  const hoursOf = async (node: Awaited<ReturnType<typeof deploy<ReturnType<typeof withGap>>>>) => {
    await node.caughtUp();
    const { sessions } = await node.list("ada", withGap("1h"));
    return sessions.map(({ startedMs, lastMs, events: n }) => [
      (startedMs - noonMs) / HOUR_MS,
      (lastMs - noonMs) / HOUR_MS,
      n,
    ]);
  };
  let node = await deploy(withGap("1h"));
  for (const hours of [-12, -10, -8]) await see(node, hours);
  expect(await hoursOf(node)).toEqual([
    [-8, -8, 1],
    [-10, -10, 1],
    [-12, -12, 1],
  ]);
  node = await deploy(withGap("3h"));
  await see(node, -9);
  // It is near to two of them, and so these are near to the third one.
  expect((await hoursOf(node)).reduce((sum, [, , n]) => sum + n!, 0)).toBe(4);
  node = await deploy(withGap("1h"));
  await see(node, -10.5);
  await see(node, -1);
  const after = await hoursOf(node);
  expect(after.reduce((sum, [, , n]) => sum + n!, 0)).toBe(6);
  expect(after[0]).toEqual([-1, -1, 1]);
  clock.nowMs += 3 * DAY_MS;
  await node.sweep();
  expect(await hoursOf(node)).toEqual(after);
});

test("S22: a counter that a deploy adds counts later events, also of an activity session that is open", async () => {
  const { deploy } = await deploys(schemaOf("counter-added"));
  const first = defineActivity({ name: "visits", gap: "1h", events, counts: { views: count("seen") } });
  const second = defineActivity({
    name: "visits",
    gap: "1h",
    events,
    counts: { views: count("seen"), pages: distinct("seen", "page"), cents: sum("seen", "cents") },
  });
  const before = await deploy(first);
  await before.record("ada", "seen", { page: "a", cents: 5 }, { at: noonMs - HOUR_MS });
  await before.caughtUp();
  const after = await deploy(second);
  expect(await after.current("ada", second)).toMatchObject({ counts: { views: 1, pages: 0, cents: 0 } });
  for (const page of ["b", "c", "b"]) await after.record("ada", "seen", { page, cents: 2 }, { at: noonMs });
  await after.caughtUp();
  expect(await after.current("ada", second)).toMatchObject({ events: 4, counts: { views: 4, pages: 2, cents: 6 } });
});

test("S22: a month of events that is dropped takes nothing from an activity session that is open, also after a scan", async () => {
  const schema = schemaOf("month-dropped");
  const { clock, deploy } = await deploys(schema);
  const activity = defineActivity({
    name: "visits",
    gap: "7d",
    atMost: "7d",
    lateness: "14d",
    events,
    counts: { views: count("seen") },
  });
  clock.nowMs = Date.UTC(2026, 10, 3);
  const node = await deploy(activity);
  for (const days of [-8, -5, -1]) await node.record("ada", "seen", { page: "a" }, { at: clock.nowMs + days * DAY_MS });
  await node.caughtUp();
  const before = await node.list("ada", activity);
  expect(before.sessions.reduce((n, session) => n + session.events, 0)).toBe(3);
  await pool.query(`drop table ${schema}.activity_event_2026_10`);
  await pool.query(
    `update ${schema}.projection_feed set fence = fence + 1, holder = null, scanning = true, snapshot = pg_current_snapshot()::text`,
  );
  await eventually(async () => {
    const { rows } = await pool.query<{ scanning: boolean }>(`select scanning from ${schema}.projection_feed`);
    expect(rows[0]!.scanning).toBe(false);
  });
  expect(await node.list("ada", activity)).toEqual(before);
  await node.record("ada", "seen", { page: "b" });
  await node.caughtUp();
  expect(await node.current("ada", activity)).toMatchObject({ lastMs: clock.nowMs });
});

test("S25: ten thousand events of one owner at once are refused beyond the owner's share, and the others are counted once", async () => {
  const schema = schemaOf("many-at-once");
  const { clock, deploy } = await deploys(schema);
  const activity = defineActivity({ name: "visits", gap: "1h", events, counts: { views: count("seen") } });
  const node = await deploy(activity);
  const results = await Promise.allSettled(
    Array.from({ length: 10_000 }, (_, page) =>
      node.record("ada", "seen", { page: `${page}` }, { at: clock.nowMs - page }),
    ),
  );
  const refused = results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
  expect(refused.length).toBe(9_000);
  for (const reason of refused) expect(reason).toMatchObject({ code: "queue_full" });
  const now = () => clock.nowMs;
  const wide = createActivity({
    database: pool,
    schema,
    activities: [activity],
    queueSize: 100_000,
    builds: false,
    now,
  });
  await Promise.all(Array.from({ length: 10_000 }, (_, page) => wide.record("bob", "seen", { page: `${page}` })));
  await wide.close();
  await node.caughtUp({ timeMs: 20_000 });
  expect(await node.list("ada", activity)).toMatchObject({ sessions: [{ events: 1_000, counts: { views: 1_000 } }] });
  const { sessions } = await node.list("bob", activity);
  expect(sessions).toMatchObject([{ events: 10_000, counts: { views: 10_000 } }]);
});
