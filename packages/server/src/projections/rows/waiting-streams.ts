import { sql, type Kysely } from "kysely";
import { timeOf } from "../../postgres/values.ts";
import type { ProjectionFault } from "./faults.ts";
import type { FeedKey, Position } from "./feeds.ts";
import { streamKey, type StreamKey } from "./progress.ts";
import type { ProjectionTables } from "./tables.ts";

// The streams that wait of a source without numbers. Each has a position of its own, behind that of the feed.

/** What may be told of an error. */
type Cause = Pick<ProjectionFault, "error" | "code" | "line">;

/** A stream that waits, and how far it was read. */
export interface WaitingStream {
  readonly position: Position;
  /** The number of the row for which it waits, counted from the first one. */
  readonly number: number;
  readonly tries: number;
}

type BuildKey = Pick<FeedKey, "projection" | "build">;

interface NextTry {
  readonly nowMs: number;
  /** Null if it is not tried again by itself. */
  readonly nextMs: number | null;
}

const columns = ({ scanning, ...position }: Position) => ({
  ...position,
  scanning: sql<boolean>`${sql.lit(scanning)}::boolean`,
});

const isStream = ({ projection, build }: BuildKey, { owner, stream }: StreamKey) => sql<boolean>`
  projection = ${projection} and build = ${build}::integer and owner_id = ${owner} and stream_id = ${stream}`;

/** The streams of a feed that wait, as {@link streamKey} gives them. */
export async function listWaiting(
  db: Kysely<ProjectionTables>,
  { projection, build, bucket }: FeedKey,
): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom("projection_fault")
    .select([sql<string>`owner_id`.as("owner"), sql<string>`stream_id`.as("stream")])
    .where("projection", "=", projection)
    .where("build", "=", build)
    .where("bucket", "=", bucket)
    .execute();
  return new Set(rows.map(streamKey));
}

/** Lets a stream wait from a position on. */
export async function insertWaiting(
  tx: Kysely<ProjectionTables>,
  { projection, build, bucket }: FeedKey,
  { owner, stream, position, ...cause }: StreamKey & Cause & { readonly position: Position },
  { nowMs, nextMs }: NextTry,
): Promise<void> {
  const key = { projection, build, bucket, owner_id: owner, stream_id: stream };
  const next = nextMs === null ? null : timeOf(nextMs);
  await tx
    .insertInto("projection_fault")
    .values({ ...key, number: 1, tries: 0, ...cause, since: timeOf(nowMs), next_at: next, ...columns(position) })
    .execute();
}

/** A stream that waits, locked until the transaction ends; undefined if it waits no more. */
export async function lockWaiting(
  tx: Kysely<ProjectionTables>,
  key: BuildKey,
  stream: StreamKey,
): Promise<WaitingStream | undefined> {
  const row = await tx
    .selectFrom("projection_fault")
    .select(["snapshot", "upto", "after", sql<string>`scanning::text`.as("scanning"), "number", "tries"])
    .where(isStream(key, stream))
    .forUpdate()
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { snapshot, upto, after, scanning, number, tries } = row;
  // A source without numbers always has a position.
  const position = { snapshot: snapshot!, upto, after, scanning: scanning === "true" };
  return { position, number: Number(number), tries: Number(tries) };
}

/** Moves a stream on by some rows that were applied. */
export async function moveWaiting(
  tx: Kysely<ProjectionTables>,
  key: BuildKey,
  stream: StreamKey,
  { position, rows }: { readonly position: Position; readonly rows: number },
): Promise<void> {
  const moved = {
    number: sql<number>`number + ${rows}::integer`,
    tries: sql<number>`case when ${rows}::integer > 0 then 0 else tries end`,
  };
  await tx
    .updateTable("projection_fault")
    .set({ ...moved, ...columns(position), place: null })
    .where(isStream(key, stream))
    .execute();
}

/** Notes that a row has failed, and when it is tried again. `place` is null if it is not known which row it is. */
export async function noteTry(
  tx: Kysely<ProjectionTables>,
  key: BuildKey,
  stream: StreamKey,
  {
    position,
    place,
    cause,
    tries,
    nextMs,
  }: Pick<WaitingStream, "position" | "tries"> & {
    readonly place: string;
    readonly cause: Cause;
    readonly nextMs: number | null;
  },
): Promise<void> {
  const next = nextMs === null ? null : timeOf(nextMs);
  await tx
    .updateTable("projection_fault")
    .set({ ...columns(position), ...cause, place, tries, next_at: next })
    .where(isStream(key, stream))
    .execute();
}

/** When the stream is tried again, though nothing has failed. */
export async function postponeWaiting(
  tx: Kysely<ProjectionTables>,
  key: BuildKey,
  stream: StreamKey,
  nextMs: number,
): Promise<void> {
  await tx
    .updateTable("projection_fault")
    .set({ next_at: timeOf(nextMs) })
    .where(isStream(key, stream))
    .execute();
}

/** Lets a stream go on with its feed, which has read as much of it. */
export async function endWaiting(tx: Kysely<ProjectionTables>, key: BuildKey, stream: StreamKey): Promise<void> {
  await tx.deleteFrom("projection_fault").where(isStream(key, stream)).execute();
}

/** Lets all streams of a feed go on with it: it reads all rows again. */
export async function endAllWaiting(
  tx: Kysely<ProjectionTables>,
  { projection, build, bucket }: FeedKey,
): Promise<void> {
  await tx
    .deleteFrom("projection_fault")
    .where("projection", "=", projection)
    .where("build", "=", build)
    .where("bucket", "=", bucket)
    .execute();
}
