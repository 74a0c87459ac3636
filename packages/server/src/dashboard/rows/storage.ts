import { sql } from "kysely";
import { estimatedRows } from "../../postgres/partitions.ts";
import { numberOrNull } from "./number-or-null.ts";
import type { DashboardSource } from "./tables.ts";

export interface StoredTable {
  readonly name: string;
  /** The partitioned table that it is a month of; null if it is none. */
  readonly of: string | null;
  /** Its size on the disk, with its indexes. */
  readonly bytes: number;
  readonly indexBytes: number;
  /** Postgres' own estimates. */
  readonly rows: number | null;
  readonly deadRows: number | null;
  readonly analysedMs: number | null;
  readonly vacuumedMs: number | null;
}

interface StoredRow {
  readonly name: string;
  readonly parent: string | null;
  readonly bytes: string;
  readonly heap: string;
  readonly indexes: string;
  readonly estimate: string | null;
  readonly dead: string | null;
  readonly analysed: string | null;
  readonly vacuumed: string | null;
}

/** A page of the schema's tables by name: those that are no months of a table, or the months of one, the newest first. */
export async function listStored(
  { db, schema }: DashboardSource,
  { of, after, limit }: { readonly of: string | null; readonly after: string | null; readonly limit: number },
): Promise<readonly StoredTable[]> {
  const position =
    after === null ? sql`` : of === null ? sql`and child.relname > ${after}` : sql`and child.relname < ${after}`;
  const { rows } = await sql<StoredRow>`
    select child.relname::text as name, parent.relname::text as parent, pg_relation_size(child.oid)::text as heap,
      pg_total_relation_size(child.oid)::text as bytes, pg_indexes_size(child.oid)::text as indexes,
      ${estimatedRows(sql.ref("child"))} as estimate, n_dead_tup::text as dead,
      round(extract(epoch from greatest(last_analyze, last_autoanalyze)) * 1000)::text as analysed,
      round(extract(epoch from greatest(last_vacuum, last_autovacuum)) * 1000)::text as vacuumed
    from pg_class as child
    join pg_namespace on pg_namespace.oid = child.relnamespace
    left join pg_inherits on inhrelid = child.oid
    left join pg_class as parent on parent.oid = inhparent
    left join pg_stat_all_tables on relid = child.oid
    where nspname = ${schema} and child.relkind = 'r'
      and ${of === null ? sql`inhparent is null` : sql`parent.relname = ${of}`} ${position}
    order by child.relname ${of === null ? sql`asc` : sql`desc`} limit ${limit}::integer`.execute(db);
  return rows.map(({ name, parent, bytes, heap, indexes, estimate, dead, analysed, vacuumed }) => ({
    name,
    of: parent,
    bytes: Number(bytes),
    indexBytes: Number(indexes),
    // A table without a page has no rows, whether it was analysed or not.
    rows: heap === "0" ? 0 : numberOrNull(estimate),
    deadRows: numberOrNull(dead),
    analysedMs: numberOrNull(analysed),
    vacuumedMs: numberOrNull(vacuumed),
  }));
}

/** A table with a partition for each month. */
export interface MonthlyTable {
  readonly name: string;
  readonly months: number;
  readonly firstMonth: string | null;
  readonly lastMonth: string | null;
  readonly bytes: number;
  readonly rows: number | null;
}

export async function listMonthlyTables({ db, schema }: DashboardSource): Promise<readonly MonthlyTable[]> {
  const { rows } = await sql<{
    name: string;
    months: string;
    first: string | null;
    last: string | null;
    bytes: string;
    estimate: string | null;
  }>`
    select parent.relname::text as name, count(child.oid)::text as months, min(right(child.relname, 7)) as first,
      max(right(child.relname, 7)) as last, coalesce(sum(pg_total_relation_size(child.oid)), 0)::text as bytes,
      sum((${estimatedRows(sql.ref("child"))})::numeric)::text as estimate
    from pg_class as parent
    join pg_namespace on pg_namespace.oid = parent.relnamespace
    left join pg_inherits on inhparent = parent.oid
    left join pg_class as child on child.oid = inhrelid
    where nspname = ${schema} and parent.relkind = 'p'
    group by parent.relname order by parent.relname limit 100`.execute(db);
  return rows.map(({ name, months, first, last, bytes, estimate }) => ({
    name,
    months: Number(months),
    firstMonth: first?.replace("_", "-") ?? null,
    lastMonth: last?.replace("_", "-") ?? null,
    bytes: Number(bytes),
    rows: numberOrNull(estimate),
  }));
}

/** About how many rows each month of a partitioned table has, the oldest first. Null for a month that was never analysed. */
export async function listMonths(
  { db, schema }: DashboardSource,
  of: string,
  limit: number,
): Promise<readonly { readonly month: string; readonly rows: number | null; readonly analysedMs: number | null }[]> {
  const { rows } = await sql<{ name: string; estimate: string | null; analysed: string | null; bytes: string }>`
    select child.relname::text as name, pg_relation_size(child.oid)::text as bytes,
      ${estimatedRows(sql.ref("child"))} as estimate,
      round(extract(epoch from greatest(last_analyze, last_autoanalyze, last_vacuum, last_autovacuum)) * 1000)::text
        as analysed
    from pg_inherits
    join pg_class as parent on parent.oid = inhparent
    join pg_class as child on child.oid = inhrelid
    join pg_namespace on pg_namespace.oid = parent.relnamespace
    left join pg_stat_all_tables on relid = child.oid
    where nspname = ${schema} and parent.relname = ${of}
    order by child.relname desc limit ${limit}::integer`.execute(db);
  return rows
    .map(({ name, estimate, analysed, bytes }) => ({
      month: name.slice(-7).replace("_", "-"),
      // A table without a page has no rows, whether it was analysed or not.
      rows: bytes === "0" ? 0 : numberOrNull(estimate),
      analysedMs: numberOrNull(analysed),
    }))
    .toReversed();
}
