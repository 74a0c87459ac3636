import { randomUUID } from "node:crypto";
import type { Pool } from "pg";
import { z } from "zod";
import { count, createActivity, defineActivity, distinct } from "@sessions/server/activity";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { median } from "../report/statistics.ts";
import { compareVariants, medianOf, throughput } from "../rounds.ts";
import type { DurablePostgres } from "../servers/database.ts";

const CALLERS = 64;
const OWNERS = 1_000;
/** How long a backend of Postgres may hold back its counts, in milliseconds. */
const COUNTS_MS = 11_000;
/** How many events a second are recorded while activity sessions are built. */
const RATE = 1_000;

const reading = defineActivity({
  name: "reading",
  gap: "1h",
  events: { post_opened: z.object({ post: z.string() }) },
  counts: { posts: count("post_opened"), different: distinct("post_opened", "post") },
});

/** 11: how fast events are stored, what building activity sessions writes, and how late they are. */
export async function measureActivity(
  postgres: DurablePostgres,
  { rounds, roundMs }: BenchmarkSize,
): Promise<Measurement> {
  const { pool } = await postgres.create("activity");
  await pool.query(
    `create table plain_event (owner_id text not null, at timestamptz not null, id uuid not null, name text not null,
      data json not null, received_at timestamptz not null, primary key (owner_id, at, id))`,
  );
  const writer = createActivity({ database: pool, activities: [reading], builds: false });
  await writer.migrate();
  const names = ["prepared INSERT of one row", "record"] as const;
  const variant = (what: string, call: (owner: string, post: string) => Promise<unknown>) => ({
    what,
    at: CALLERS,
    unit: "events/s",
    round: () => throughput(CALLERS, roundMs, () => call(nextOwner(), nextPost())),
  });
  const rows = await compareVariants(
    [
      variant(names[0], (owner, post) => insertPlain(pool, owner, post)),
      variant(names[1], (owner, post) => writer.record(owner, "post_opened", { post })),
    ],
    rounds,
  );
  await writer.close();

  const built = await measureBuilding(pool, rounds * 5 * roundMs);
  const row = (what: string, unit: string, value: number) => ({ what, at: null, unit, median: value, rounds: [value] });
  const ratio = medianOf(rows, names[1], CALLERS) / medianOf(rows, names[0], CALLERS);
  return {
    name: "activity",
    title: "Events and activity sessions",
    how:
      `${CALLERS} callers record events of ${OWNERS} owners, and each waits until its event is stored. The INSERT goes through the same ` +
      `pool, into a table with the same key and no other index. Then one node records ${RATE} events a second and builds their ` +
      "activity sessions. The lag of an event is the time from its call to the first read that finds it counted.",
    rows: [
      ...rows,
      { what: "lag, median", at: null, unit: "ms", median: median(built.lagsMs), rounds: built.lagsMs.slice(0, 20) },
      row("lag, 99th percentile", "ms", percentile(built.lagsMs, 0.99)),
      row("rows of activity sessions written for each event", "rows", built.written),
      row("heap-only updates", "%", built.heapOnly),
    ],
    ratios: [
      { what: "record ÷ prepared INSERT, 64 callers", value: ratio, target: { atLeast: 5 } },
      { what: "rows written for each event", value: built.written, target: { atMost: 1 } },
      { what: "heap-only updates of activity sessions", value: built.heapOnly, unit: "%", target: { atLeast: 99 } },
      { what: "lag, 99th percentile", value: percentile(built.lagsMs, 0.99), unit: "ms", target: { atMost: 1_000 } },
    ],
  };
}

let [owner, post] = [0, 0];
const nextOwner = () => `owner ${((owner += 1) * 7_919) % OWNERS}`;
const nextPost = () => `post ${(post += 1) % 20}`;

function insertPlain(pool: Pool, ownerId: string, opened: string): Promise<unknown> {
  const at = new Date().toISOString();
  return pool.query({
    name: "insert_plain",
    text: "insert into plain_event values ($1, $2, $3, 'post_opened', $4, $2)",
    values: [ownerId, at, randomUUID(), JSON.stringify({ post: opened })],
  });
}

/** Records at a steady rate while a node builds. Twice a second one event's lag is measured. */
async function measureBuilding(pool: Pool, ms: number) {
  await pool.query("truncate sessions.activity_event, sessions.activity_session");
  const node = createActivity({ database: pool, activities: [reading] });
  await node.migrate();
  await node.start();
  // Postgres does this by itself within minutes. Without it, it does not know how many rows the feed asks for.
  await Promise.all(
    Array.from({ length: OWNERS }, () => node.record(nextOwner(), "post_opened", { post: nextPost() })),
  );
  await pool.query("analyze sessions.activity_event");
  const before = await countsOf(pool);
  const startedMs = performance.now();
  const probes: Promise<number>[] = [];
  let events = 0;
  for (let tick = 0; performance.now() - startedMs < ms; tick += 1) {
    const calls = Array.from({ length: RATE / 10 - 1 }, () =>
      node.record(nextOwner(), "post_opened", { post: nextPost() }),
    );
    const calledMs = performance.now();
    const probe = `probe ${tick}`;
    await Promise.all([...calls, node.record(probe, "post_opened", { post: "1" })]);
    events += RATE / 10;
    if (tick % 5 === 0) probes.push(countedMs(node, probe).then((nowMs) => nowMs - calledMs));
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, startedMs + (tick + 1) * 100 - performance.now())));
  }
  const lagsMs = await Promise.all(probes);
  await node.close();
  const after = await countsOf(pool);
  const [inserted, updated, hot] = [
    after.inserted - before.inserted,
    after.updated - before.updated,
    after.hot - before.hot,
  ];
  return { lagsMs, written: (inserted + updated) / events, heapOnly: (100 * hot) / updated };
}

async function countedMs(node: { current(owner: string, activity: typeof reading): Promise<unknown> }, probe: string) {
  while ((await node.current(probe, reading)) === null) await new Promise((resolve) => setTimeout(resolve, 20));
  return performance.now();
}

async function countsOf(pool: Pool) {
  await new Promise((resolve) => setTimeout(resolve, COUNTS_MS));
  const { rows } = await pool.query<{ inserted: string; updated: string; hot: string }>(
    `select n_tup_ins as inserted, n_tup_upd as updated, n_tup_hot_upd as hot
    from pg_stat_user_tables where relname = 'activity_session'`,
  );
  const [{ inserted, updated, hot }] = rows as [(typeof rows)[number]];
  return { inserted: Number(inserted), updated: Number(updated), hot: Number(hot) };
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
