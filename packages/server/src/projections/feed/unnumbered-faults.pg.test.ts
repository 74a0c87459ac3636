import { sql } from "kysely";
import { v7 as uuidv7 } from "uuid";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { SessionsError } from "@sessions/core/internal";
import { eventually } from "../../testing/eventually.ts";
import { wrongStreams } from "../../testing/projections/fold.ts";
import { append, createLog, log, type LogEntry } from "../../testing/projections/log.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { Random } from "../../testing/random.ts";
import { project } from "../projection.ts";
import { createProjections, createTimedProjections, type Projections } from "../projections.ts";
import type { FeedSource } from "../source.ts";

const { pool } = await freshDatabase();
const nodes: Projections[] = [];
const faults: SessionsError[] = [];
const reason = { who: "grace", why: "a test" };
/** The values at which the handler throws. */
const bad = new Set<number>();

/** The log as if it had no numbers. */
const plainLog: FeedSource<LogEntry> = {
  ...log,
  number: null,
  body: "json_build_object('number', event.number, 'value', event.value)::text",
  read: ({ owner, stream, body }) => ({ owner, stream, ...(JSON.parse(body) as { number: number; value: number }) }),
};

const sums = project(plainLog, {
  name: "sums",
  handleBatch: async (entries, { tx }) => {
    const { rows } = await sql`
      insert into fold (stream, total, entries, last)
      select stream, sum(value), count(*), max(number)
      from json_to_recordset(${JSON.stringify(entries)}::text::json)
        as given (stream uuid, number integer, value bigint) group by stream
      on conflict (stream) do update
      set total = fold.total + excluded.total, entries = fold.entries + excluded.entries,
        last = greatest(fold.last, excluded.last)
      returning 1 as one`.execute(tx);
    // After the write, so that it must be rolled back.
    if (rows.length > 0 && entries.some(({ value }) => bad.has(value))) throw new TypeError("Secret 13");
  },
});

beforeAll(async () => {
  await createProjections({ database: pool, projections: [] }).migrate();
  await createLog(pool);
});
beforeEach(async () => {
  faults.length = 0;
  bad.clear();
  await pool.query(`truncate sessions.log, fold, sessions.projection, sessions.projection_feed,
    sessions.projection_fault, sessions.projection_audit`);
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

async function begin(): Promise<Projections> {
  const options = { database: pool, projections: [sums], onError: (fault: SessionsError) => void faults.push(fault) };
  const node = createTimedProjections(options, { pollMs: 50 });
  nodes.push(node);
  await node.start();
  return node;
}

async function letAllGoOn(node: Projections): Promise<void> {
  bad.clear();
  for (const fault of await node.faults("sums")) await node.retry(fault, reason);
  await eventually(async () => expect(await node.faults("sums")).toEqual([]));
  await node.caughtUp("sums", "now");
}

test("S22: without numbers too, an entry whose handler throws stops its own stream alone, and a retry lets it go on", async () => {
  bad.add(13);
  const node = await begin();
  const [waits, ...others] = Array.from({ length: 9 }, () => uuidv7()) as [string, ...string[]];
  await append(pool, "ada", waits, 1, [1, 13, 2]);
  for (const stream of others) await append(pool, "bob", stream, 1, [1, 2, 3]);
  await node.caughtUp("sums", "now");
  await append(pool, "ada", waits, 4, [3]);
  await append(pool, "bob", others[0]!, 4, [4]);
  await node.caughtUp("sums", "now");
  // The entries before the one that fails are applied.
  await eventually(async () =>
    expect(await node.faults("sums")).toMatchObject([{ stream: waits, number: 2, error: "TypeError" }]),
  );
  expect(await wrongStreams(pool)).toMatchObject([{ stream: waits }]);
  expect((await node.status())[0]).toMatchObject({ waiting: 1, behind: { rows: 0 } });
  await letAllGoOn(node);
  expect(await wrongStreams(pool)).toEqual([]);
  await append(pool, "ada", waits, 5, [5]);
  await node.caughtUp("sums", "now");
  expect(await wrongStreams(pool)).toEqual([]);
  expect(JSON.stringify(faults.map(({ message }) => message))).not.toContain("Secret");
});

test("without numbers too, one entry can be skipped, and the audit keeps who did it", async () => {
  bad.add(13);
  const node = await begin();
  const stream = uuidv7();
  await append(pool, "ada", stream, 1, [1, 13, 4, 13, 5]);
  for (const number of [2, 4]) {
    await eventually(async () => expect(await node.faults("sums")).toMatchObject([{ number, tries: 1 }]));
    const [fault] = await node.faults("sums");
    expect(await node.skip(fault!, reason)).toBe(true);
    expect(await node.skip(fault!, reason)).toBe(false);
  }
  await eventually(async () => expect(await node.faults("sums")).toEqual([]));
  expect((await pool.query("select total, entries from fold")).rows).toEqual([{ total: "10", entries: 3 }]);
  const { rows } = await pool.query("select action, who, number from sessions.projection_audit order by number");
  expect(rows).toEqual([2, 4].map((number) => ({ action: "skip", who: "grace", number })));
});

test("S22: without numbers too, streams that fail in a scan and in a batch of many pages are applied once", async () => {
  const random = new Random(7);
  const streams = Array.from({ length: 40 }, (_, index) => ({ owner: `owner-${index % 6}`, id: uuidv7(), head: 0 }));
  const write = async (entries: number) => {
    for (let count = 0; count < entries; count += 100) {
      const stream = random.pick(streams);
      const values = Array.from({ length: 100 }, () => random.between(1, 4_000));
      await append(pool, stream.owner, stream.id, stream.head + 1, values);
      stream.head += values.length;
    }
  };
  for (const value of [500, 1_000, 1_500, 2_000, 2_500]) bad.add(value);
  await write(6_000);
  const node = await begin();
  await write(1_500);
  await node.caughtUp("sums", "now");
  await write(1_500);
  await node.caughtUp("sums", "now");
  expect((await node.faults("sums")).length).toBeGreaterThan(1);
  await letAllGoOn(node);
  expect(await wrongStreams(pool)).toEqual([]);
  expect((await node.status())[0]).toMatchObject({ waiting: 0 });
});
