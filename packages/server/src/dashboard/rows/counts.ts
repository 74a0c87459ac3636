import { sql, type RawBuilder } from "kysely";
import { timeOf } from "../../postgres/values.ts";
import { estimatedRows } from "../../postgres/partitions.ts";
import type { Count } from "../count.ts";
import { numberOrNull } from "./number-or-null.ts";
import type { DashboardSource } from "./tables.ts";

/** The most rows of a live table that are counted. Beyond it Postgres' estimate is shown. */
const COUNTED = 1_000;

/** The most rows of a day that are counted. */
const COUNTED_OF_DAY = 100_000;

/** How many rows a table of changing rows has. An index on `bucket` counts a small table; a large one is estimated. */
export async function countLive(
  source: DashboardSource,
  table: "session" | "sign_in",
  bucket: "expires_bucket" | "sweep_bucket",
): Promise<Count | null> {
  const counted = await countFirst(
    source,
    sql`select 1 from ${tableOf(source, table)} order by ${sql.ref(bucket)}`,
    COUNTED,
  );
  return counted.how === "counted" ? counted : estimate(source, table);
}

/** How many rows of the table `session` or `sign_in` the sweep should have moved: those whose hour ended before `nowMs`. */
export function countDue(
  source: DashboardSource,
  table: "session" | "sign_in",
  bucket: "expires_bucket" | "sweep_bucket",
  nowMs: number,
): Promise<Count> {
  const hour = Math.floor(nowMs / 3_600_000) * 3_600_000;
  return countFirst(
    source,
    sql`select 1 from ${tableOf(source, table)} where ${sql.ref(bucket)} < ${timeOf(hour)} order by ${sql.ref(bucket)}`,
    COUNTED,
  );
}

/** How many histories of sessions or sign-ins began at `sinceMs` or later. */
export function countBegun(
  source: DashboardSource,
  table: "session_event" | "sign_in_event",
  sinceMs: number,
): Promise<Count> {
  return countFirst(
    source,
    sql`select 1 from ${tableOf(source, table)} where entry = 1 and at >= ${timeOf(sinceMs)}`,
    COUNTED_OF_DAY,
  );
}

/** How many sessions or sign-ins ended at `sinceMs` or later, by the word that says how. */
export async function countEnded(
  source: DashboardSource,
  table: "session_archive" | "sign_in_archive",
  sinceMs: number,
): Promise<readonly { readonly ending: string; readonly count: Count }[]> {
  const word = sql.ref(table === "session_archive" ? "status" : "ending");
  const { rows } = await sql<{ ending: string; rows: string; total: string }>`
    select ending, count(*)::text as rows, (sum(count(*)) over ())::text as total from (
      select ${word} as ending from ${tableOf(source, table)} where ended_at >= ${timeOf(sinceMs)}
      limit ${sql.lit(COUNTED_OF_DAY + 1)}
    ) as ended group by ending order by ending`.execute(source.db);
  return rows.map(({ ending, rows: count, total }) => ({
    ending,
    count: { rows: Number(count), how: Number(total) > COUNTED_OF_DAY ? "at_least" : "counted" },
  }));
}

async function countFirst({ db }: DashboardSource, rows: RawBuilder<unknown>, most: number): Promise<Count> {
  const found = await sql<{ rows: string }>`
    select count(*)::text as rows from (${rows} limit ${sql.lit(most + 1)}) as first`.execute(db);
  const count = Number(found.rows[0]?.rows);
  return count > most ? { rows: most, how: "at_least" } : { rows: count, how: "counted" };
}

/** Postgres' own estimate of a table's rows; null if it never analysed the table. */
async function estimate({ db, schema }: DashboardSource, table: string): Promise<Count | null> {
  const { rows } = await sql<{ estimate: string | null; analysed: string | null }>`
    select ${estimatedRows(sql.ref("pg_class"))} as estimate,
      round(extract(epoch from greatest(last_analyze, last_autoanalyze, last_vacuum, last_autovacuum)) * 1000)::text
        as analysed
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    left join pg_stat_all_tables on relid = pg_class.oid
    where nspname = ${schema} and pg_class.relname = ${table}`.execute(db);
  const [found] = rows;
  const estimated = numberOrNull(found?.estimate);
  return estimated === null ? null : { rows: estimated, how: "estimated", analysedMs: numberOrNull(found?.analysed) };
}

export function tableOf({ schema }: DashboardSource, table: string): RawBuilder<unknown> {
  return sql.table(`${schema}.${table}`);
}
