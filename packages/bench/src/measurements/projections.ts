import type { Pool } from "pg";
import { sessionHistory, sql } from "@sessions/server";
import { createProjections, project, type Projections } from "@sessions/server/projections";
import { copySessions, LogWriter } from "../log-writer.ts";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { median } from "../report/statistics.ts";
import { processorTime } from "../processor-time.ts";
import { createNode } from "../servers/application.ts";
import type { DurablePostgres } from "../servers/database.ts";
import { transfer } from "../servers/flow.ts";
import { VirtualUsers } from "../virtual-users.ts";

/** Entries a second while the lag is measured, and while a rebuild runs beside. */
const RATE = 5_000;
const LIVE_RATE = 500;
const PEOPLE = 32;
const APPLICATION = "projector";
const IDLE_MS = 10_000;

declare module "@sessions/server" {
  interface ApplicationTables {
    step_counts: { step: string; n: string };
  }
}

/** Counts the submissions of each step: one statement for each batch. */
const stepCounts = project(sessionHistory([transfer]), {
  name: "step_counts",
  tables: {
    step_counts: (db, table) => sql`create table ${table} (step text primary key, n bigint not null)`.execute(db),
  },
  handleBatch: async (entries, { tx, table }) => {
    const counts = Map.groupBy(entries, (entry) => (entry.type === "submitted" ? entry.step : entry.type));
    const rows = JSON.stringify([...counts].map(([step, { length }]) => ({ step, n: length })));
    await sql`insert into ${sql.table(table("step_counts"))} as known
      select step, n from json_to_recordset(${rows}::text::json) as given (step text, n bigint)
      on conflict (step) do update set n = known.n + excluded.n`.execute(tx);
  },
});

/** 12: how late projections are, what they cost the writers, how fast one is filled anew, and what an idle node sends. */
export async function measureProjections(
  postgres: DurablePostgres,
  { rounds, roundMs }: BenchmarkSize,
): Promise<Measurement> {
  const { pool } = await postgres.create("projections");
  const node = createNode(pool);
  await node.migrate();
  const users = new VirtualUsers(node, PEOPLE, "owner");
  await users.begin(PEOPLE, 8);
  for (let step = 0; step < 8; step += 1) await Promise.all(users.all.map((_, index) => users.submit(index)));
  await node.close();
  const entries = await copySessions(pool, rounds > 1 ? 500_000 : 100_000);
  await pool.query("vacuum analyze");
  const { pool: own } = postgres.open("projections", APPLICATION);
  const projections = createProjections({ database: own, projections: [stepCounts] });
  await projections.migrate();

  const ms = rounds * 4 * roundMs;
  const writer = await LogWriter.create(pool);
  await writer.write(roundMs, RATE);
  const alone = await writer.write(ms, RATE);
  await projections.start();
  await projections.caughtUp("step_counts", "now", { timeMs: 300_000 });
  await writer.write(roundMs, RATE);
  const { lagsMs, timesMs } = await measureLag(pool, writer, ms, RATE);
  await projections.caughtUp("step_counts", "now", { timeMs: 60_000 });
  const idle = await statementsWithin(own, IDLE_MS);
  const quiet = await measureLag(pool, writer, ms, LIVE_RATE);
  const { rate, lags, postgresUs, nodeUs } = await measureRebuild(pool, projections, writer, entries);
  await projections.close();

  const row = (what: string, unit: string, values: readonly number[]) => ({
    what,
    at: null,
    unit,
    median: median(values),
    rounds: values.slice(0, 20),
  });
  const [calm, busy] = [percentile(quiet.lagsMs, 0.99), percentile(lags, 0.99)];
  return {
    name: "projections",
    title: "Projections",
    how:
      `Statements of 50 entries are written to the history of sessions, ${RATE} entries a second. One node projects them, through a ` +
      "pool of its own, without a bus. The lag of an entry is the time from the start of its write to the first look that finds it " +
      `applied. Then the projection is filled anew from ${entries.toLocaleString("en")} entries and more, while ${LIVE_RATE} entries a second are written.`,
    rows: [
      row("a write alone", "ms", alone),
      row("a write beside the projection", "ms", timesMs),
      row("lag, median", "ms", lagsMs),
      row("lag, 99th percentile", "ms", [percentile(lagsMs, 0.99)]),
      row(`lag at ${LIVE_RATE} entries/s, 99th percentile`, "ms", [calm]),
      row("the same during a rebuild", "ms", [busy]),
      row("rebuild", "entries/s", [rate]),
      row("rebuild, processor time of its connections", "µs an entry", [postgresUs]),
      row("rebuild, processor time of the process, with the writer", "µs an entry", [nodeUs]),
      row("statements of an idle node", "a second", [(1_000 * idle) / IDLE_MS]),
    ],
    ratios: [
      {
        what: `lag at ${RATE} entries/s, 99th percentile`,
        value: percentile(lagsMs, 0.99),
        unit: "ms",
        target: { atMost: 1_000 },
      },
      {
        what: "a write beside the projection ÷ alone",
        value: median(timesMs) / median(alone),
        target: { atMost: 1.15 },
      },
      { what: "rebuild of a projection", value: rate, unit: "entries/s", target: { atLeast: 50_000 } },
      { what: "lag during a rebuild ÷ without, 99th percentile", value: busy / calm, target: { atMost: 1.2 } },
      { what: "statements of an idle node a second", value: (1_000 * idle) / IDLE_MS, target: { atMost: 1 } },
    ],
  };
}

/** The lag of ten entries a second. */
async function measureLag(pool: Pool, writer: LogWriter, ms: number, rate: number) {
  const probes: Promise<number>[] = [];
  let probedMs = 0;
  const timesMs = await writer.write(ms, rate, (session, entry, startedMs) => {
    if (performance.now() - probedMs < 100) return;
    probedMs = performance.now();
    probes.push(appliedMs(pool, session, entry).then((nowMs) => nowMs - startedMs));
  });
  return { timesMs, lagsMs: await Promise.all(probes) };
}

async function appliedMs(pool: Pool, session: string, entry: number): Promise<number> {
  for (;;) {
    const { rows } = await pool.query({
      name: "applied",
      text: `select 1 from sessions.projection_progress as progress join sessions.projection on name = projection and live = build
        where projection = 'step_counts' and owner_id = 'live ' || $1::text and stream_id = $1 and applied >= $2`,
      values: [session, entry],
    });
    if (rows.length > 0) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** How many entries a second a rebuild reads, and the lags meanwhile. */
async function measureRebuild(pool: Pool, projections: Projections, writer: LogWriter, entries: number) {
  await projections.rebuild("step_counts");
  const before = await processorTime(pool, APPLICATION);
  const lags: number[] = [];
  const startedMs = performance.now();
  let scannedMs = 0;
  while (scannedMs === 0) {
    lags.push(...(await measureLag(pool, writer, 500, LIVE_RATE)).lagsMs);
    const scans = (await projections.status()).filter(({ scan }) => scan !== null);
    if (scans.length === 0) scannedMs = performance.now() - startedMs;
  }
  const after = await processorTime(pool, APPLICATION);
  const { rows } = await pool.query<{ done: string }>(
    "select max(done)::text as done from sessions.projection_feed where projection = 'step_counts'",
  );
  const read = Math.max(Number(rows[0]!.done), entries);
  return {
    rate: (1_000 * read) / scannedMs,
    lags,
    postgresUs: (after.postgresUs - before.postgresUs) / read,
    nodeUs: (after.nodeUs - before.nodeUs) / read,
  };
}

/** How many statements a pool sends. */
async function statementsWithin(pool: Pool, ms: number): Promise<number> {
  let sent = 0;
  const clients = await Promise.all(Array.from({ length: 10 }, () => pool.connect()));
  const originals = clients.map((client) => {
    const query = client.query.bind(client) as (...given: readonly unknown[]) => unknown;
    Object.assign(client, { query: (...given: readonly unknown[]) => ((sent += 1), query(...given)) });
    return () => Object.assign(client, { query });
  });
  for (const client of clients) client.release();
  await new Promise((resolve) => setTimeout(resolve, 500));
  sent = 0;
  await new Promise((resolve) => setTimeout(resolve, ms));
  for (const restore of originals) restore();
  return sent;
}

function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
}
