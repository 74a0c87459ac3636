import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { createKysely } from "../../postgres/database.ts";
import { append, createLog, log } from "../../testing/projections/log.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { createProjections } from "../projections.ts";
import { currentSnapshot } from "../rows/snapshot.ts";
import { SourcePages } from "../rows/source-pages.ts";
import type { ProjectionTables } from "../rows/tables.ts";

const { pool } = await freshDatabase();
const db = createKysely<ProjectionTables>(pool);

interface PlanNode {
  readonly "Node Type": string;
  readonly "Actual Rows": number;
  readonly Plans?: readonly PlanNode[];
}

/** How many rows each part of a plan gave. */
const partsOf = (node: PlanNode): readonly string[] => [
  ...(node["Actual Rows"] > 2_000 ? [`${node["Node Type"]}: ${node["Actual Rows"]} rows`] : []),
  ...(node.Plans ?? []).flatMap(partsOf),
];

test.for(["never analysed", "analysed long ago"])(
  "a page of a backlog reads no more than itself, in a table that was %s",
  async (when) => {
    await createProjections({ database: pool, projections: [] }).migrate();
    await pool.query("drop table if exists sessions.log, fold");
    await createLog(pool);
    await pool.query("alter table sessions.log set (autovacuum_enabled = false)");
    await append(pool, "ada", uuidv7(), 1, Array(5_000).fill(1) as number[]);
    if (when === "analysed long ago") await pool.query("analyze sessions.log");
    const { snapshot } = await currentSnapshot(db);
    for (let written = 0; written < 60; written += 1) {
      await append(pool, "ada", uuidv7(), 1, Array(500).fill(1) as number[]);
    }
    const { snapshot: upto } = await currentSnapshot(db);
    const explained: { text: string; parameters: readonly unknown[] }[] = [];
    const spied = createKysely<ProjectionTables>(pool);
    const executor = spied.getExecutor();
    const original = executor.executeQuery.bind(executor);
    Object.assign(executor, {
      executeQuery: (query: { sql: string; parameters: readonly unknown[] }) => {
        explained.push({ text: query.sql, parameters: query.parameters });
        return original(query as never);
      },
    });
    const pages = new SourcePages("sessions", log);
    const request = { bucket: 0, buckets: 1, limit: 1_000, retiredBefore: null };
    const first = await pages.newRows(spied, snapshot, upto, { ...request, after: null });
    const second = await pages.newRows(spied, snapshot, upto, { ...request, after: first.at(-1)!.place });
    expect([first.length, second.length, explained.length]).toEqual([1_000, 1_000, 2]);
    for (const { text, parameters } of explained) {
      const { rows } = await pool.query<{ "QUERY PLAN": readonly [{ Plan: PlanNode }] }>({
        text: `explain (analyze, format json) ${text}`,
        values: [...parameters],
      });
      expect(partsOf(rows[0]!["QUERY PLAN"][0].Plan)).toEqual([]);
    }
  },
);
