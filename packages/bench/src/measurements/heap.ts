import type { Pool } from "pg";
import { VirtualUsers } from "../virtual-users.ts";
import { createNode } from "../servers/application.ts";
import type { DurablePostgres } from "../servers/database.ts";
import { fillHistory, SINGLE_TABLE } from "../seeded-history.ts";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { throughput } from "../rounds.ts";

const CALLERS = 64;
/** How long a backend of Postgres may hold back its counts, in milliseconds. */
const COUNTS_MS = 1_500;

/** 4: how many updates stay heap-only, and how much log a submission writes. */
export async function measureHeap(postgres: DurablePostgres, { rounds, roundMs }: BenchmarkSize): Promise<Measurement> {
  const { pool } = await postgres.create("heap");
  const node = createNode(pool);
  await node.migrate();
  const users = new VirtualUsers(node, CALLERS, "owner");
  const ms = rounds * roundMs;
  await users.begin(CALLERS, Math.ceil((ms * 24) / CALLERS));
  await fillHistory(pool, await users.snapshotAfter(0), 0);
  const { rows: ids } = await pool.query<{ id: string; state: unknown }>(`select id, state from ${SINGLE_TABLE}`);

  const engine = await countUpdates(pool, "session", ms, (caller) => users.submit(caller));
  let next = 0;
  const oneTable = await countUpdates(pool, "one_table", ms, () => {
    const { id, state } = ids[(next = (next + 1) % ids.length)]!;
    return pool.query(
      `update ${SINGLE_TABLE} set state = $2, revision = revision + 1, updated_at = now() where id = $1`,
      [id, JSON.stringify(state)],
    );
  });
  await node.close();
  const line = (what: string, unit: string, value: number) => ({
    what,
    at: null,
    unit,
    median: value,
    rounds: [value],
  });
  return {
    name: "heap",
    title: "Heap-only updates and log",
    how:
      "The numbers come from Postgres' own counters. 64 callers run between two checkpoints, after the pages that they change have " +
      "been logged completely. A session takes eight submissions. Its history entry is part of the counted log.",
    rows: [
      line("engine, heap-only", "%", engine.hot),
      line("engine, log", "bytes a submit", engine.log),
      line("one table, heap-only", "%", oneTable.hot),
      line("one table, log", "bytes an update", oneTable.log),
    ],
    ratios: [
      { what: "heap-only updates of the session table", value: engine.hot, unit: "%", target: { atLeast: 99.9 } },
    ],
  };
}

async function countUpdates(pool: Pool, table: string, ms: number, call: (caller: number) => Promise<unknown>) {
  const read = async () => {
    await new Promise((resolve) => setTimeout(resolve, COUNTS_MS));
    const { rows } = await pool.query<{ updates: string; hot: string; log: string }>(
      `select n_tup_upd as updates, n_tup_hot_upd as hot, pg_current_wal_lsn() - '0/0' as log
       from pg_stat_user_tables where relname = $1`,
      [table],
    );
    const { updates, hot, log } = rows[0]!;
    return { updates: Number(updates), hot: Number(hot), log: Number(log) };
  };
  await pool.query("checkpoint");
  // The first change of a page after a checkpoint logs the whole page. Count only the changes after it.
  await throughput(CALLERS, ms, call);
  const before = await read();
  await throughput(CALLERS, ms, call);
  const after = await read();
  const updates = after.updates - before.updates;
  return { hot: (100 * (after.hot - before.hot)) / updates, log: (after.log - before.log) / updates };
}
