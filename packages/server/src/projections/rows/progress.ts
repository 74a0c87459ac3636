import { sql, type Kysely } from "kysely";
import { recordset, time, timeOf } from "../../postgres/values.ts";
import { inBucket } from "./buckets.ts";
import type { ProjectionTables } from "./tables.ts";

/** A stream of an owner. */
export interface StreamKey {
  readonly owner: string;
  readonly stream: string;
}

/** How far a stream has been applied. */
export interface Progress extends StreamKey {
  readonly applied: number;
  readonly waiting: boolean;
}

/** A step of a stream from one number to a later one. */
export interface ProgressMove extends StreamKey {
  readonly from: number;
  readonly applied: number;
  /** Whether no row comes after it. */
  readonly ended: boolean;
}

interface BuildKey {
  readonly projection: string;
  readonly build: number;
}

export const streamKey = ({ owner, stream }: StreamKey) => `${stream} ${owner}`;

/** How far these streams have been applied. A stream of which nothing was applied is missing. */
export async function loadProgress(
  db: Kysely<ProjectionTables>,
  schema: string,
  { projection, build }: BuildKey,
  streams: readonly StreamKey[],
): Promise<ReadonlyMap<string, Progress>> {
  if (streams.length === 0) return new Map();
  const { rows } = await sql<{ owner: string; stream: string; applied: number; waiting: string }>`
    select owner, stream, applied, waiting::text as waiting
    from ${recordset(streams, "owner text, stream text")}
    join ${sql.table(`${schema}.projection_progress`)} as progress
      on progress.projection = ${projection} and progress.build = ${build}::integer
      and progress.owner_id = given.owner and progress.stream_id = given.stream`.execute(db);
  return byStream(rows);
}

/**
 * How far streams had been applied that now belong to another owner, because the owner has adopted the visitor who began
 * them. Their progress is given to the owner. `streams`: those of which nothing is known under the owner.
 */
export async function adoptProgress(
  tx: Kysely<ProjectionTables>,
  schema: string,
  { projection, build }: BuildKey,
  streams: readonly StreamKey[],
): Promise<ReadonlyMap<string, Progress>> {
  if (streams.length === 0) return new Map();
  const { rows } = await sql<{ owner: string; stream: string; applied: number; waiting: string }>`
    update ${sql.table(`${schema}.projection_progress`)} as progress set owner_id = given.owner
    from ${recordset(streams, "owner text, stream text")}
    join ${sql.table(`${schema}.owner`)} as visitor on visitor.adopted_by = given.owner
    where progress.projection = ${projection} and progress.build = ${build}::integer
      and progress.owner_id = visitor.owner_id and progress.stream_id = given.stream
    returning given.owner, given.stream, progress.applied, progress.waiting::text as waiting`.execute(tx);
  return byStream(rows);
}

/** Moves streams on. False if one of them is not where it was: then the transaction must be rolled back. */
export async function moveProgress(
  tx: Kysely<ProjectionTables>,
  schema: string,
  { projection, build }: BuildKey,
  moves: readonly ProgressMove[],
  nowMs: number,
): Promise<boolean> {
  if (moves.length === 0) return true;
  const endedAt = sql`case when ended then ${timeOf(nowMs)} end`;
  const table = sql.table(`${schema}.projection_progress`);
  const inserted = moves.filter(({ from }) => from === 0);
  const updated = moves.filter(({ from }) => from > 0);
  let moved = 0;
  if (inserted.length > 0) {
    const { rows } = await sql`
      insert into ${table} (projection, build, owner_id, stream_id, applied, waiting, ended_at)
      select ${projection}, ${build}::integer, owner, stream, applied, false, ${endedAt}
      from ${recordset(inserted, "owner text, stream text, applied integer, ended boolean")}
      on conflict (projection, build, owner_id, stream_id) do update
      set applied = excluded.applied, ended_at = excluded.ended_at
      where projection_progress.applied = 0
      returning 1 as one`.execute(tx);
    moved += rows.length;
  }
  if (updated.length > 0) {
    const { rows } = await sql`
      update ${table} as progress set applied = given.applied, ended_at = ${endedAt}
      from ${recordset(updated, `owner text, stream text, "from" integer, applied integer, ended boolean`)}
      where progress.projection = ${projection} and progress.build = ${build}::integer
        and progress.owner_id = given.owner and progress.stream_id = given.stream and progress.applied = given."from"
      returning 1 as one`.execute(tx);
    moved += rows.length;
  }
  return moved === moves.length;
}

/** Deletes the progress of streams of a bucket whose last row was applied before a moment: a page of them. */
export async function deleteEndedProgress(
  tx: Kysely<ProjectionTables>,
  schema: string,
  { projection, build, bucket, buckets }: BuildKey & { readonly bucket: number; readonly buckets: number },
  { before, limit }: { readonly before: string; readonly limit: number },
): Promise<{ readonly streams: number; readonly applied: number }> {
  const table = sql.table(`${schema}.projection_progress`);
  const { rows } = await sql<{ streams: string; applied: string | null }>`
    with ended as (
      select owner_id, stream_id from ${table}
      where projection = ${projection} and build = ${build}::integer and ended_at < ${time(before)} and not waiting
        ${inBucket(sql.ref("stream_id"), { bucket, buckets })}
      order by ended_at limit ${sql.lit(limit)}
    ), gone as (
      delete from ${table} as progress using ended
      where progress.projection = ${projection} and progress.build = ${build}::integer
        and progress.owner_id = ended.owner_id and progress.stream_id = ended.stream_id
      returning applied
    )
    select count(*)::text as streams, sum(applied)::text as applied from gone`.execute(tx);
  return { streams: Number(rows[0]!.streams), applied: Number(rows[0]!.applied ?? 0) };
}

function byStream(
  rows: readonly { owner: string; stream: string; applied: number; waiting: string }[],
): ReadonlyMap<string, Progress> {
  return new Map(
    rows.map(({ owner, stream, applied, waiting }) => [
      streamKey({ owner, stream }),
      { owner, stream, applied: Number(applied), waiting: waiting === "true" },
    ]),
  );
}
