import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, expect, inject, test } from "vitest";
import { startPostgres } from "../testing/embedded/postgres-server.ts";
import { foldOf, wrongStreams } from "../testing/projections/fold.ts";
import { append, createLog } from "../testing/projections/log.ts";
import { createProjections, createTimedProjections, type Projections } from "./projections.ts";

/** Two clusters. The first one has had many more transactions. */
const other = await startPostgres();
const name = `sessions_restore_${uuidv7().replaceAll("-", "")}`;
const administrator = new Pool({ connectionString: inject("postgresUrl"), max: 1 });
const pools: Pool[] = [];
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.end()));
  for (const number of [1, 2, 3]) await administrator.query(`drop database if exists ${name}_${number} with (force)`);
  await administrator.end();
  await other.stop();
});

async function createDatabase(cluster: string, number: number): Promise<Pool> {
  const url = new URL(cluster);
  const creator = new Pool({ connectionString: cluster, max: 1 });
  await creator.query(`create database ${name}_${number} template template0`);
  await creator.end();
  url.pathname = `${name}_${number}`;
  const pool = new Pool({ connectionString: url.href, max: 6 });
  pool.on("error", () => {});
  pools.push(pool);
  await createProjections({ database: pool, projections: [] }).migrate();
  await createLog(pool);
  return pool;
}

const tables = [
  "fold",
  "sessions.log",
  ...["", "_feed", "_progress", "_fault", "_audit"].map((end) => `sessions.projection${end}`),
];

/** What `pg_dump` and `pg_restore` do: all rows of one moment, in transactions of the other database. */
async function copy(from: Pool, to: Pool): Promise<void> {
  const client = await from.connect();
  await client.query("begin isolation level repeatable read");
  for (const table of tables) {
    const { rows } = await client.query<{ all: string }>(
      `select coalesce(json_agg(given), '[]')::text as all from ${table} as given`,
    );
    await to.query(`insert into ${table} select * from json_populate_recordset(null::${table}, $1::text::json)`, [
      rows[0]!.all,
    ]);
  }
  await client.query("commit");
  client.release();
}

const nextXid = async (pool: Pool) =>
  Number((await pool.query<{ xid: string }>("select pg_current_xact_id()::text as xid")).rows[0]!.xid);

async function begin(pool: Pool): Promise<Projections> {
  const node = createTimedProjections({ database: pool, projections: [foldOf({ buckets: 2 })] }, { pollMs: 50 });
  await node.start();
  return node;
}

test("S22: a dump that is restored into another cluster, and back again, goes on exactly", async () => {
  const first = await createDatabase(inject("postgresUrl"), 1);
  await first.query("do $$ begin for i in 1..20000 loop perform pg_current_xact_id(); commit; end loop; end $$");
  const streams = Array.from({ length: 12 }, () => ({ id: uuidv7(), head: 0 }));
  const write = async (pool: Pool, count: number) => {
    for (const stream of streams.slice(0, count)) {
      await append(pool, "ada", stream.id, stream.head + 1, [1, 2, 3]);
      stream.head += 3;
    }
  };
  let node = await begin(first);
  await write(first, 8);
  await node.caughtUp("fold", "now");
  await node.close();
  // Nobody has projected these when the dump is made.
  await write(first, 12);

  const second = await createDatabase(other.url, 2);
  expect(await nextXid(second)).toBeLessThan((await nextXid(first)) - 10_000);
  await copy(first, second);
  // The application serves before the projections have begun.
  await write(second, 6);
  node = await begin(second);
  await node.caughtUp("fold", "now");
  expect(await wrongStreams(second)).toEqual([]);
  await write(second, 12);
  await node.caughtUp("fold", "now");
  expect(await wrongStreams(second)).toEqual([]);

  // A node works while the dump is made, and the other cluster is far ahead.
  await write(second, 3);
  const third = await createDatabase(inject("postgresUrl"), 3);
  await copy(second, third);
  await node.close();
  await write(third, 12);
  node = await begin(third);
  await node.caughtUp("fold", "now");
  expect(await wrongStreams(third)).toEqual([]);
  const { rows } = await third.query(`
    select (select count(*) from sessions.log) as written, (select sum(applied) from sessions.projection_progress) as applied,
      (select count(*) from sessions.projection_fault) as faults`);
  expect(rows[0]).toEqual({ written: rows[0].written, applied: rows[0].written, faults: "0" });
  await node.close();
});
