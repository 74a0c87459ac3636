import type { Pool } from "pg";
import { sql } from "kysely";
import {
  project,
  type Projection,
  type ProjectionContext,
  type ProjectionOptions,
} from "../../projections/projection.ts";
import { recordset } from "../../postgres/values.ts";
import { log, type LogEntry } from "./log.ts";

/** Adds entries to the table `fold`, to one row for each stream. It throws if one is not the next of its stream. */
export async function addToFold(entries: readonly LogEntry[], { tx }: ProjectionContext): Promise<void> {
  const folds = new Map<string, { stream: string; first: number; last: number; total: number }>();
  for (const { stream, number, value } of entries) {
    const fold = folds.get(stream) ?? { stream, first: number, last: number - 1, total: 0 };
    if (number !== fold.last + 1) throw new Error(`Entry ${number} is not the next one.`);
    folds.set(stream, { ...fold, last: number, total: fold.total + value });
  }
  const { rows } = await sql`
    insert into fold (stream, total, entries, last)
    select stream, total, last - first + 1, last
    from ${recordset([...folds.values()], "stream uuid, first integer, last integer, total bigint")}
    on conflict (stream) do update
    set total = fold.total + excluded.total, entries = fold.entries + excluded.entries, last = excluded.last
    where fold.last = excluded.last - excluded.entries
    returning 1 as one`.execute(tx);
  if (rows.length < folds.size) throw new Error("An entry is not the next one of its stream.");
}

/** A projection of the log to the table `fold`. */
export function foldOf(options: Partial<ProjectionOptions<LogEntry>> = {}): Projection {
  return project(log, { name: "fold", handleBatch: addToFold, ...options } as ProjectionOptions<LogEntry>);
}

/** The streams whose row in `fold` is not what their log says. */
export async function wrongStreams(pool: Pool): Promise<readonly unknown[]> {
  const { rows } = await pool.query(`
    select * from (
      select stream, sum(value) as total, count(*) as entries, max(number) as last from sessions.log group by stream
    ) as log full join fold using (stream)
    where (log.total, log.entries, log.last) is distinct from (fold.total, fold.entries, fold.last)`);
  return rows;
}
