import { expect, test } from "vitest";
import { createKysely } from "../../postgres/database.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { recordingPool } from "../../testing/statements/statement-recorder.ts";
import { createProjections } from "../projections.ts";
import { deleteOldProgress } from "./builds.ts";
import { adoptProgress, deleteEndedProgress, loadProgress, moveProgress } from "./progress.ts";
import type { ProjectionTables } from "./tables.ts";

const STREAMS = 60_000;
const { pool, url } = await freshDatabase();

interface PlanNode {
  readonly "Node Type": string;
  readonly "Actual Rows": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** The parts of a plan that read much more than a page. */
const largePartsOf = (node: PlanNode): readonly string[] => {
  const read = node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0);
  return [...(read > 2_000 ? [`${node["Node Type"]}: ${read} rows`] : []), ...(node.Plans ?? []).flatMap(largePartsOf)];
};

test("a page of a new build reads and moves its own streams alone, of however many, before Postgres has analysed them", async () => {
  await createProjections({ database: pool, projections: [] }).migrate();
  await pool.query("alter table sessions.projection_progress set (autovacuum_enabled = false)");
  const fill = (build: number, streams: number) =>
    pool.query(
      `insert into sessions.projection_progress (projection, build, owner_id, stream_id, applied, waiting, ended_at)
       select 'fold', $1::integer, 'owner ' || n, 'stream ' || n, 1, false, '2026-01-01'::timestamptz
       from generate_series(1, $2::integer) as n`,
      [build, streams],
    );
  await fill(1, 1_000);
  await pool.query("analyze sessions.projection_progress");
  await fill(2, STREAMS);
  const streams = Array.from({ length: 500 }, (_, n) => ({ owner: `owner ${n * 100}`, stream: `stream ${n * 100}` }));
  const others = streams.map(({ owner }, n) => ({ owner, stream: `new ${n}` }));
  await pool.query(
    `insert into sessions.owner (owner_id, created_at, adopted_by)
     select 'visitor ' || n, '2026-01-01', 'owner ' || n from generate_series(1, 2000) as n`,
  );

  const { pool: recorded, sent } = recordingPool({ connectionString: url });
  const db = createKysely<ProjectionTables>(recorded);
  const build = { projection: "fold", build: 2 };
  const ended = { ...build, bucket: 0, buckets: 1 };
  expect((await loadProgress(db, "sessions", build, streams)).size).toBe(499);
  expect((await adoptProgress(db, "sessions", build, others)).size).toBe(0);
  const moves = [
    ...streams.slice(1).map((stream) => ({ ...stream, from: 1, applied: 2, ended: true })),
    ...others.map((stream) => ({ ...stream, from: 0, applied: 1, ended: false })),
  ];
  expect(await moveProgress(db, "sessions", build, moves, Date.now())).toBe(true);
  const page = { before: "2026-01-02T00:00:00Z", limit: 1_000 };
  expect(await deleteEndedProgress(db, "sessions", ended, page)).toEqual({ streams: 1_000, applied: 1_000 });
  const statements = sent.filter(({ text }) => text.includes("projection_progress"));
  expect(statements).toHaveLength(5);
  expect(sent.some(({ text }) => text.includes("adopted_by"))).toBe(true);
  for (const { text, values } of statements) {
    const client = await pool.connect();
    await client.query("begin");
    const { rows } = await client.query<{ "QUERY PLAN": readonly [{ Plan: PlanNode }] }>({
      text: `explain (analyze, format json) ${text}`,
      values: [...values],
    });
    await client.query("rollback");
    client.release();
    expect(largePartsOf(rows[0]!["QUERY PLAN"][0].Plan), text).toEqual([]);
  }

  await deleteOldProgress(db, "sessions", "fold", 2);
  const { rows } = await pool.query(
    "select build, count(*)::int as n from sessions.projection_progress group by build",
  );
  expect(rows).toEqual([{ build: 2, n: STREAMS - 1_000 + others.length }]);
  await recorded.end();
});
