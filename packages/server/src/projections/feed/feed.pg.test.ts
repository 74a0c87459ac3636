import { setTimeout as sleep } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createKysely } from "../../postgres/database.ts";
import { migrate } from "../../postgres/migrations.ts";
import { addToFold, foldOf, wrongStreams } from "../../testing/projections/fold.ts";
import { append, createLog } from "../../testing/projections/log.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { FeedStep } from "./feed-step.ts";
import { LeaseLostError } from "./handler-failure.ts";
import { Projector } from "../projector.ts";
import { insertFeeds, listFeeds, takeLease, type Feed } from "../rows/feeds.ts";
import { projectionMigrations } from "../rows/migrations.ts";
import { currentSnapshot } from "../rows/snapshot.ts";
import { SourcePages } from "../rows/source-pages.ts";
import type { ProjectionTables } from "../rows/tables.ts";
import type { Projection } from "../projection.ts";

const { pool } = await freshDatabase();
const db = createKysely<ProjectionTables>(pool);
const rows = db.withSchema("sessions");
/** The faults that steps reported. */
const faults: unknown[] = [];

beforeAll(async () => {
  await migrate(db, "sessions", projectionMigrations("sessions"));
  await createLog(pool);
});

beforeEach(async () => {
  faults.length = 0;
  await pool.query(
    "truncate sessions.log, fold, sessions.projection, sessions.projection_feed, sessions.projection_progress, sessions.projection_fault, sessions.projection_audit",
  );
});

/** A feed of a projection, whose lease is taken, and a function that takes its next step. */
async function begin(projection: Projection = foldOf(), position: Partial<Feed> = {}) {
  const pages = new SourcePages("sessions", projection.source);
  const step = new FeedStep({
    db,
    schema: "sessions",
    projection,
    pages,
    now: Date.now,
    report: (error) => faults.push(error),
  });
  const { snapshot, cluster } = await currentSnapshot(db);
  const build = { projection: projection.name, build: 1, buckets: projection.buckets, version: 1 };
  const fresh = { cluster, snapshot, upto: null, after: null, scanning: false, isNew: false, done: 0, total: 0 };
  await insertFeeds(rows, build, { ...fresh, ...position }, Date.now());
  let feed = (await takeLease(rows, (await listFeeds(rows))[0]!, "here"))!;
  return {
    step: async () => {
      const taken = await step.run(feed);
      ({ feed } = taken);
      return taken.rows;
    },
    feed: () => feed,
    at: (other: Feed) => void (feed = other),
  };
}

test("S22: an entry whose transaction commits late is applied, and delays nobody", async () => {
  const { step } = await begin();
  const [late, early] = [uuidv7(), uuidv7()];
  const slow = await pool.connect();
  await slow.query("begin");
  await append(slow, "ada", late, 1, [7]);
  await append(pool, "bob", early, 1, [1, 2]);
  expect(await step()).toBe(2);
  await append(pool, "bob", early, 3, [3]);
  expect(await step()).toBe(1);
  await slow.query("commit");
  slow.release();
  expect(await step()).toBe(1);
  expect(await step()).toBe(0);
  expect(await wrongStreams(pool)).toEqual([]);
});

test("S22: what was rolled back is not applied", async () => {
  const { step } = await begin();
  const client = await pool.connect();
  await client.query("begin");
  await append(client, "ada", uuidv7(), 1, [7]);
  expect(await step()).toBe(0);
  await client.query("rollback");
  client.release();
  expect(await step()).toBe(0);
});

test("S22: entries are applied in the order of their stream, though a later one has an earlier transaction", async () => {
  const { step } = await begin();
  const stream = uuidv7();
  const second = await pool.connect();
  await second.query("begin");
  await second.query("select pg_current_xact_id()");
  await append(pool, "ada", stream, 1, [1]);
  await append(second, "ada", stream, 2, [2]);
  await second.query("commit");
  second.release();
  expect(await step()).toBe(2);
  expect(await wrongStreams(pool)).toEqual([]);
});

test("S22: a batch of many pages is applied whole, and entries that are written meanwhile come after it", async () => {
  const { step } = await begin();
  const streams = Array.from({ length: 25 }, () => uuidv7());
  for (const stream of streams) await append(pool, "ada", stream, 1, Array(100).fill(1) as number[]);
  expect(await step()).toBe(1_000);
  await append(pool, "ada", streams[0]!, 101, [5]);
  expect([await step(), await step(), await step(), await step()]).toEqual([1_000, 500, 1, 0]);
  expect(await wrongStreams(pool)).toEqual([]);
});

test("S22: two nodes that both believe to lead make one effect", async () => {
  const first = await begin();
  const second = await begin();
  await append(pool, "ada", uuidv7(), 1, [1, 2, 3]);
  await expect(first.step()).rejects.toThrow(LeaseLostError);
  expect(await second.step()).toBe(3);
  // Even with the right fence, nothing is applied twice.
  const again = await begin();
  again.at({ ...again.feed(), snapshot: first.feed().snapshot });
  await again.step();
  expect(await wrongStreams(pool)).toEqual([]);
});

test("S22: two nodes that apply one batch at the same time make one effect", async () => {
  const gate: { enter?: () => void } = {};
  const entered = new Promise<void>((resolve) => (gate.enter = resolve));
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const slow = foldOf({
    handleBatch: async (entries, context) => {
      gate.enter!();
      await opened;
      await addToFold(entries, context);
    },
  });
  const first = await begin(slow);
  await append(pool, "ada", uuidv7(), 1, [1, 2, 3]);
  const stale = first.step();
  await entered;
  const second = await begin();
  expect(await second.step()).toBe(3);
  open();
  await expect(stale).rejects.toThrow(LeaseLostError);
  expect(faults).toEqual([]);
  expect(await wrongStreams(pool)).toEqual([]);
});

test("S22: a scan reads all that was there, and then follows", async () => {
  const streams = Array.from({ length: 60 }, () => uuidv7());
  for (const [index, stream] of streams.entries()) {
    await append(pool, `owner-${index % 7}`, stream, 1, Array(100).fill(index) as number[]);
  }
  const { step } = await begin(foldOf(), { scanning: true });
  expect(await step()).toBe(5_000);
  await append(pool, "owner-0", streams[0]!, 101, [1]);
  await append(pool, "owner-new", uuidv7(), 1, [1]);
  expect([await step(), await step(), await step()]).toEqual([1_000, 2, 0]);
  expect(await wrongStreams(pool)).toEqual([]);
});

test("S22: a stream that another owner adopted goes on where it was", async () => {
  const { step } = await begin();
  const stream = uuidv7();
  await append(pool, "visitor", stream, 1, [1, 2]);
  await step();
  await append(pool, "visitor", stream, 3, [3]);
  await pool.query("insert into sessions.owner (owner_id, created_at, adopted_by) values ('visitor', now(), 'ada')");
  await pool.query(`
    insert into sessions.log (owner_id, stream, number, value)
      select 'ada', stream, number, value from sessions.log where owner_id = 'visitor'`);
  await pool.query("delete from sessions.log where owner_id = 'visitor'");
  await append(pool, "ada", stream, 4, [4]);
  await step();
  expect(await wrongStreams(pool)).toEqual([]);
});

const projectors: Projector[] = [];
afterEach(async () => {
  await Promise.all(projectors.splice(0).map((projector) => projector.close()));
});

async function startProjector(node: string, projections: readonly Projection[], timing: object = {}) {
  const errors: unknown[] = [];
  const report = (error: unknown) => void errors.push(error);
  const projector = new Projector({ db, schema: "sessions", node, projections, now: Date.now, report, ...timing });
  projectors.push(projector);
  await projector.start();
  return { projector, errors };
}

async function untilFolded(): Promise<void> {
  for (let tries = 0; tries < 200 && (await wrongStreams(pool)).length > 0; tries += 1) await sleep(25);
  expect(await wrongStreams(pool)).toEqual([]);
}

test("the buckets of a projection are worked on by several nodes, and a node that closes leaves its own to the others", async () => {
  const projection = foldOf({ buckets: 4 });
  const timing = { pollMs: 20 };
  const one = await startProjector("one", [projection], timing);
  const two = await startProjector("two", [projection], timing);
  const streams = Array.from({ length: 40 }, () => uuidv7());
  for (const stream of streams) await append(pool, "ada", stream, 1, [1, 2, 3]);
  await untilFolded();
  await one.projector.close();
  for (const stream of streams) await append(pool, "ada", stream, 4, [4]);
  await untilFolded();
  expect(new Set((await listFeeds(rows)).map(({ holder }) => holder))).toEqual(new Set(["two"]));
  expect([...one.errors, ...two.errors]).toEqual([]);
});

test("a node takes the lease of a node that has died", async () => {
  const dead = await begin();
  await append(pool, "ada", uuidv7(), 1, [1]);
  await startProjector("here now", [foldOf()], { pollMs: 20, leaseMs: 100 });
  await untilFolded();
  await expect(dead.step()).rejects.toThrow(LeaseLostError);
});
