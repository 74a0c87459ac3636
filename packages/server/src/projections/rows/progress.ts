import { sql, type Kysely, type RawBuilder } from "kysely";
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

/**
 * A build as a table of one row, `of_build`. Postgres has no statistics of a build that is new, so it would expect one row of
 * it, and read the whole build for each page. It does not look into this subquery. So it looks for each stream by the key.
 */
const ofBuild = ({ projection, build }: BuildKey): RawBuilder<unknown> =>
  sql`(select ${projection}::text as projection, ${build}::integer as build offset 0) as of_build`;
const isOfBuild = sql<boolean>`progress.projection = of_build.projection and progress.build = of_build.build`;

export const streamKey = ({ owner, stream }: StreamKey) => `${stream} ${owner}`;

/** How far these streams have been applied. A stream of which nothing was applied is missing. */
export async function loadProgress(
  db: Kysely<ProjectionTables>,
  schema: string,
  build: BuildKey,
  streams: readonly StreamKey[],
): Promise<ReadonlyMap<string, Progress>> {
  if (streams.length === 0) return new Map();
  const { rows } = await sql<{ owner: string; stream: string; applied: number; waiting: string }>`
    select owner, stream, applied, waiting::text as waiting
    from ${recordset(streams, "owner text, stream text")} cross join ${ofBuild(build)}
    join ${sql.table(`${schema}.projection_progress`)} as progress
      on ${isOfBuild} and progress.owner_id = given.owner and progress.stream_id = given.stream`.execute(db);
  return byStream(rows);
}

/**
 * How far streams had been applied that now belong to another owner, because the owner has adopted the visitor who began
 * them. Their progress is given to the owner. `streams`: those of which nothing is known under the owner.
 */
export async function adoptProgress(
  tx: Kysely<ProjectionTables>,
  schema: string,
  build: BuildKey,
  streams: readonly StreamKey[],
): Promise<ReadonlyMap<string, Progress>> {
  if (streams.length === 0) return new Map();
  const owners = [...new Set(streams.map(({ owner }) => owner))].map((owner) => ({ owner }));
  const { rows: adopted } = await sql<{ owner: string; visitor: string }>`
    select given.owner, visitor.owner_id as visitor from ${recordset(owners, "owner text")}
    join ${sql.table(`${schema}.owner`)} as visitor on visitor.adopted_by = given.owner`.execute(tx);
  if (adopted.length === 0) return new Map();
  const visitors = Map.groupBy(adopted, ({ owner }) => owner);
  const moves = streams.flatMap((stream) =>
    (visitors.get(stream.owner) ?? []).map(({ visitor }) => ({ ...stream, visitor })),
  );
  const { rows } = await sql<{ owner: string; stream: string; applied: number; waiting: string }>`
    update ${sql.table(`${schema}.projection_progress`)} as progress set owner_id = given.owner
    from ${recordset(moves, "owner text, visitor text, stream text")} cross join ${ofBuild(build)}
    where ${isOfBuild} and progress.owner_id = given.visitor and progress.stream_id = given.stream
    returning given.owner, given.stream, progress.applied, progress.waiting::text as waiting`.execute(tx);
  return byStream(rows);
}

/** Moves streams on. False if one of them is not where it was: then the transaction must be rolled back. */
export async function moveProgress(
  tx: Kysely<ProjectionTables>,
  schema: string,
  build: BuildKey,
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
      select projection, build, owner, stream, applied, false, ${endedAt}
      from ${recordset(inserted, "owner text, stream text, applied integer, ended boolean")} cross join ${ofBuild(build)}
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
      cross join ${ofBuild(build)}
      where ${isOfBuild} and progress.owner_id = given.owner and progress.stream_id = given.stream
        and progress.applied = given."from"
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
      select ctid from ${table}
      where projection = ${projection} and build = ${build}::integer and ended_at < ${time(before)} and not waiting
        ${inBucket(sql.ref("stream_id"), { bucket, buckets })}
      order by ended_at limit ${sql.lit(limit)}
    ), gone as (delete from ${table} where ctid = any (array(select ctid from ended)) returning applied)
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
