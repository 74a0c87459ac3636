import type { Pool, PoolClient } from "pg";
import { v7 as uuidv7 } from "uuid";
import { beforeAll, beforeEach, expect, test } from "vitest";
import { createKysely } from "../../postgres/database.ts";
import { migrate } from "../../postgres/migrations.ts";
import { foldOf, wrongStreams } from "../../testing/projections/fold.ts";
import { append, createLog, LAST } from "../../testing/projections/log.ts";
import { eventually } from "../../testing/eventually.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { createProjections } from "../projections.ts";
import { FeedStep } from "./feed-step.ts";
import { insertFeeds, listFeeds, takeLease, type Feed } from "../rows/feeds.ts";
import { projectionMigrations } from "../rows/migrations.ts";
import { currentSnapshot } from "../rows/snapshot.ts";
import { SourcePages } from "../rows/source-pages.ts";
import type { ProjectionTables } from "../rows/tables.ts";

const DAY_MS = 86_400_000;
const { pool } = await freshDatabase();
const db = createKysely<ProjectionTables>(pool);
const rows = db.withSchema("sessions");
const clock = { ms: 0 };

beforeAll(async () => {
  await migrate(db, "sessions", projectionMigrations("sessions"));
  await createLog(pool);
});
beforeEach(async () => {
  clock.ms = Date.now();
  await pool.query(`truncate sessions.log, fold, sessions.owner, sessions.projection, sessions.projection_feed,
    sessions.projection_progress, sessions.projection_fault`);
});

const write = (client: Pool | PoolClient, owner: string, stream: string, from: number, values: readonly number[]) =>
  append(client, owner, stream, from, values, clock.ms);

/** The feeds of the fold, all led here, and a function that takes steps until they have nothing to do. */
async function begin(buckets = 1) {
  const projection = foldOf({ buckets });
  const pages = new SourcePages("sessions", projection.source);
  const step = new FeedStep({ db, schema: "sessions", projection, pages, now: () => clock.ms, report: console.error });
  const { snapshot, cluster } = await currentSnapshot(db);
  const position = { cluster, snapshot, upto: null, after: null, scanning: false, isNew: false, done: 0, total: 0 };
  await rows
    .insertInto("projection")
    .values({ name: "fold", live: 1, source_table: "log", source_at: "at", tables: null })
    .execute();
  await insertFeeds(rows, { projection: "fold", build: 1, buckets, version: 1 }, position, clock.ms);
  const feeds: Feed[] = [];
  for (const feed of await listFeeds(rows)) feeds.push((await takeLease(rows, feed, "here"))!);
  return async () => {
    for (const [index, feed] of feeds.entries()) {
      let taken = await step.run(feed);
      while (taken.more || taken.rows > 0) taken = await step.run(taken.feed);
      feeds[index] = taken.feed;
    }
  };
}

/** Lets enough time pass for ended streams to be deleted, until so much progress is left. */
async function later(run: () => Promise<void>, days: number, kept: number): Promise<void> {
  clock.ms += days * DAY_MS;
  // The transactions of other tests, in the same cluster, may make it wait.
  await eventually(async () => {
    await run();
    clock.ms += 61_000;
    await run();
    expect((await counts()).kept).toBe(kept);
  });
}

async function counts() {
  const { rows: found } = await pool.query(`
    select (select count(*)::integer from sessions.log) as written,
      (select count(*)::integer from sessions.projection_progress) as kept,
      (select count(*)::integer from sessions.projection_fault) as faults,
      ((select coalesce(sum(applied), 0) from sessions.projection_progress)
        + (select sum(retired) from sessions.projection_feed))::integer as applied`);
  return found[0] as { written: number; kept: number; faults: number; applied: number };
}

test.for([1, 3])(
  "S22: the progress of ended streams is deleted, and what was applied still adds up, with %i buckets",
  async (buckets) => {
    const run = await begin(buckets);
    const [open, ...ended] = Array.from({ length: 9 }, () => uuidv7()) as [string, ...string[]];
    await write(pool, "ada", open, 1, [1, 2]);
    for (const stream of ended) await write(pool, "bob", stream, 1, [1, 2, LAST]);
    await run();
    clock.ms += 61_000;
    await run();
    expect(await counts()).toEqual({ written: 26, kept: 9, faults: 0, applied: 26 });
    await later(run, 2, 1);
    expect(await counts()).toEqual({ written: 26, kept: 1, faults: 0, applied: 26 });
    await write(pool, "ada", open, 3, [LAST]);
    await write(pool, "ada", uuidv7(), 1, [7]);
    await run();
    await later(run, 2, 1);
    expect(await counts()).toEqual({ written: 28, kept: 1, faults: 0, applied: 28 });
    expect(await wrongStreams(pool)).toEqual([]);
    const node = createProjections({ database: pool, projections: [foldOf({ buckets })] });
    await node.caughtUp("fold", { owner: "bob", session: ended[0]! }, { timeMs: 50 });
    const unread = uuidv7();
    await write(pool, "bob", unread, 1, [1]);
    const asked = node.caughtUp("fold", { owner: "bob", session: unread }, { timeMs: 50 });
    await expect(asked).rejects.toMatchObject({ code: "projection_late" });
  },
);

test("S22: a stream whose progress was deleted is not applied again when an owner adopts it, or in another cluster", async () => {
  const run = await begin();
  const stream = uuidv7();
  await write(pool, "visitor", stream, 1, [1, 2, LAST]);
  await run();
  await later(run, 2, 0);
  expect((await counts()).kept).toBe(0);
  await pool.query("insert into sessions.owner (owner_id, created_at, adopted_by) values ('visitor', now(), 'ada')");
  await pool.query(`
    insert into sessions.log (owner_id, stream, number, value, at)
      select 'ada', stream, number, value, at from sessions.log where owner_id = 'visitor'`);
  await pool.query("delete from sessions.log where owner_id = 'visitor'");
  const fresh = uuidv7();
  await write(pool, "ada", fresh, 1, [5, LAST]);
  await run();
  expect(await counts()).toEqual({ written: 5, kept: 1, faults: 0, applied: 5 });
  await pool.query("update sessions.projection_feed set cluster = '1'");
  const [feed] = await listFeeds(rows);
  const pages = new SourcePages("sessions", foldOf().source);
  const step = new FeedStep({
    db,
    schema: "sessions",
    projection: foldOf(),
    pages,
    now: () => clock.ms,
    report: console.error,
  });
  let taken = await step.run(feed!);
  expect(taken.feed.scanning).toBe(true);
  while (taken.more) taken = await step.run(taken.feed);
  expect(await wrongStreams(pool)).toEqual([]);
  expect(await counts()).toEqual({ written: 5, kept: 1, faults: 0, applied: 5 });
});

test("S22: while a transaction is open, only the progress of streams that began before it is deleted", async () => {
  const run = await begin();
  const old = uuidv7();
  await write(pool, "ada", old, 1, [1, LAST]);
  await run();
  const slow = await pool.connect();
  await slow.query("begin");
  const late = uuidv7();
  await write(slow, "bob", late, 1, [1, LAST]);
  await later(run, 2, 1);
  await later(run, 5, 1);
  await slow.query("commit");
  slow.release();
  await run();
  expect(await wrongStreams(pool)).toEqual([]);
  await later(run, 5, 0);
  expect(await counts()).toEqual({ written: 4, kept: 0, faults: 0, applied: 4 });
});
