import type { Kysely } from "kysely";
import { sql } from "kysely";
import { timeOf } from "../../postgres/values.ts";
import type { FeedKey } from "./feeds.ts";
import type { StreamKey } from "./progress.ts";
import type { ProjectionTables } from "./tables.ts";

/** A row of a stream whose handler threw, and for which the stream waits. */
export interface ProjectionFault extends StreamKey {
  readonly projection: string;
  readonly build: number;
  readonly number: number;
  readonly tries: number;
  /** The name of the error, its code, and the line that threw it. Never its message, which may quote what a person typed. */
  readonly error: string;
  readonly code: string | null;
  readonly line: string | null;
  readonly since: string;
  /** Null if it is not tried again by itself. */
  readonly nextAt: string | null;
}

/** Notes that a row has failed, and lets its stream wait. `nextMs`: when it is tried again. */
export async function noteFault(
  tx: Kysely<ProjectionTables>,
  { projection, build, bucket }: FeedKey,
  fault: Pick<ProjectionFault, "owner" | "stream" | "number" | "error" | "code" | "line">,
  { nowMs, nextMs }: { readonly nowMs: number; readonly nextMs: (tries: number) => number | null },
): Promise<void> {
  const { owner, stream, number, ...cause } = fault;
  const key = { projection, build, owner_id: owner, stream_id: stream };
  await tx
    .insertInto("projection_progress")
    .values({ ...key, applied: number - 1, waiting: sql<boolean>`true` })
    .onConflict((conflict) =>
      conflict
        .columns(["projection", "build", "owner_id", "stream_id"])
        .doUpdateSet({ waiting: sql<boolean>`true` })
        .where(sql<boolean>`projection_progress.applied = ${number - 1}`),
    )
    .execute();
  const before = await ofStream(tx.selectFrom("projection_fault").select(["number", "tries"]), key).executeTakeFirst();
  const tries = before !== undefined && Number(before.number) === number ? Number(before.tries) + 1 : 1;
  const next = nextMs(tries);
  await ofStream(tx.deleteFrom("projection_fault"), key).execute();
  await tx
    .insertInto("projection_fault")
    .values({
      ...key,
      bucket,
      number,
      tries,
      ...cause,
      since: timeOf(nowMs),
      next_at: next === null ? null : timeOf(next),
    })
    .execute();
}

interface FaultKey {
  readonly projection: string;
  readonly build: number;
  readonly owner_id: string;
  readonly stream_id: string;
}

function ofStream<Query extends { where(column: never, operator: "=", value: never): Query }>(
  query: Query,
  key: FaultKey,
): Query {
  let narrowed = query;
  for (const [name, value] of Object.entries(key)) narrowed = narrowed.where(name as never, "=", value as never);
  return narrowed;
}

/** Lets a stream go on, when all of its rows are applied. */
export async function endFault(
  tx: Kysely<ProjectionTables>,
  { projection, build }: Pick<FeedKey, "projection" | "build">,
  { owner, stream }: StreamKey,
): Promise<void> {
  const key = { projection, build, owner_id: owner, stream_id: stream };
  await ofStream(tx.updateTable("projection_progress").set({ waiting: sql<boolean>`false` }), key).execute();
  await ofStream(tx.deleteFrom("projection_fault"), key).execute();
}

/** Gives the faults of streams to the owner who has adopted them. */
export async function adoptFaults(
  tx: Kysely<ProjectionTables>,
  { projection, build }: Pick<FeedKey, "projection" | "build">,
  { owner, stream }: StreamKey,
): Promise<void> {
  await tx
    .updateTable("projection_fault")
    .set({ owner_id: owner })
    .where("projection", "=", projection)
    .where("build", "=", build)
    .where("stream_id", "=", stream)
    .where("owner_id", "in", tx.selectFrom("owner").select("owner_id").where("adopted_by", "=", owner))
    .execute();
}

/** The streams of a feed that are due to be tried again, the longest waiting first. */
export async function listDueFaults(
  db: Kysely<ProjectionTables>,
  { projection, build, bucket }: FeedKey,
  nowMs: number,
  limit: number,
): Promise<readonly ProjectionFault[]> {
  const rows = await db
    .selectFrom("projection_fault")
    .select(faultColumns)
    .where("projection", "=", projection)
    .where("build", "=", build)
    .where("bucket", "=", bucket)
    .where(sql<boolean>`next_at <= ${timeOf(nowMs)}`)
    .orderBy("next_at")
    .limit(limit)
    .execute();
  return rows.map(faultFromRow);
}

/** Whether a stream waits for the row after those that were applied. After a skip, it does not. */
export async function hasFault(
  db: Kysely<ProjectionTables>,
  { projection, build }: Pick<FeedKey, "projection" | "build">,
  { owner, stream, applied }: StreamKey & { readonly applied: number },
): Promise<boolean> {
  const key = { projection, build, owner_id: owner, stream_id: stream };
  const rows = await ofStream(db.selectFrom("projection_fault").select("number"), key).execute();
  return rows.some(({ number }) => Number(number) === applied + 1);
}

/** The streams of a projection that wait, the longest waiting first. */
export async function listFaults(
  db: Kysely<ProjectionTables>,
  projection: string,
  limit: number,
): Promise<readonly ProjectionFault[]> {
  const rows = await db
    .selectFrom("projection_fault")
    .select(faultColumns)
    .where("projection", "=", projection)
    .orderBy("since")
    .limit(limit)
    .execute();
  return rows.map(faultFromRow);
}

/** Which fault is meant: that of a stream in one build, while its next row is the one with this number. */
export type FaultOf = Pick<ProjectionFault, "projection" | "build" | "owner" | "stream" | "number">;

/** A fault; undefined if its row has been applied or skipped meanwhile. */
export async function findFault(db: Kysely<ProjectionTables>, of: FaultOf): Promise<ProjectionFault | undefined> {
  const { projection, build, owner, stream, number } = of;
  const key = { projection, build, owner_id: owner, stream_id: stream };
  const row = await ofStream(db.selectFrom("projection_fault").select(faultColumns), key)
    .where("number", "=", number)
    .executeTakeFirst();
  return row && faultFromRow(row);
}

const faultColumns = [
  "projection",
  "build",
  sql<string>`owner_id`.as("owner"),
  sql<string>`stream_id`.as("stream"),
  "number",
  "tries",
  "error",
  "code",
  "line",
  sql<string>`to_json(since)#>>'{}'`.as("since"),
  sql<string | null>`to_json(next_at)#>>'{}'`.as("next"),
] as const;

function faultFromRow({
  next,
  ...row
}: Omit<ProjectionFault, "nextAt"> & { readonly next: string | null }): ProjectionFault {
  const [build, number, tries] = [Number(row.build), Number(row.number), Number(row.tries)];
  return { ...row, build, number, tries, nextAt: next };
}
