import { sql, type Kysely } from "kysely";
import { isoOf, timeOf } from "../../postgres/values.ts";
import { rowsAsTable } from "./rows-as-table.ts";
import {
  bucketAfter,
  pieceColumns,
  pieceFromRow,
  pieceValues,
  spanSelection,
  type Piece,
  type PieceRow,
} from "./pieces.ts";
import type { ActivityTables } from "./tables.ts";

/** Moves activity sessions that can change no more to the table `activity_session_archive`. */

/** Some owners who may have pieces that can be moved: those that the index finds first. */
export async function listDue(
  db: Kysely<ActivityTables>,
  schema: string,
  { activity, closedMs, limit }: { readonly activity: string; readonly closedMs: number; readonly limit: number },
): Promise<readonly string[]> {
  const { rows } = await sql<{ owner: string }>`
    select distinct owner from (
      select owner_id as owner from ${sql.table(`${schema}.activity_session`)}
      where activity = ${activity} and sweep_bucket < ${timeOf(closedMs)}
      order by sweep_bucket limit ${sql.lit(limit)}
    ) as due`.execute(db);
  return rows.map(({ owner }) => owner);
}

/** Reads and locks all pieces of some owners. */
export async function lockAllPieces(
  db: Kysely<ActivityTables>,
  schema: string,
  { activity, owners }: { readonly activity: string; readonly owners: readonly string[] },
): Promise<readonly Piece[]> {
  const { rows } = await sql<PieceRow>`
    select owner_id as owner, activity, ${spanSelection} from ${sql.table(`${schema}.activity_session`)}
    where activity = ${activity}
      and owner_id in (select owner from ${rowsAsTable(
        owners.map((owner) => ({ owner })),
        { owner: "text" },
      )})
    order by owner_id, started_at for update`.execute(db);
  return rows.map(pieceFromRow);
}

export async function insertArchived(
  db: Kysely<ActivityTables>,
  schema: string,
  sessions: readonly Piece[],
): Promise<void> {
  if (sessions.length === 0) return;
  await sql`
    insert into ${sql.table(`${schema}.activity_session_archive`)} (owner_id, activity, started_at, last_at, events, counts)
    select owner, activity, started, last, events, counts
    from ${rowsAsTable(sessions.map(pieceValues), pieceColumns)}`.execute(db);
}

/** Has a later sweep look at pieces that cannot be moved yet. */
export async function moveBuckets(
  db: Kysely<ActivityTables>,
  schema: string,
  pieces: readonly (Piece & { readonly untilMs: number })[],
): Promise<void> {
  if (pieces.length === 0) return;
  const rows = pieces.map(({ owner, activity, startedMs, untilMs }) => ({
    owner,
    activity,
    started: isoOf(startedMs),
    bucket: bucketAfter(untilMs),
  }));
  await sql`
    update ${sql.table(`${schema}.activity_session`)} as piece set sweep_bucket = input.bucket
    from ${rowsAsTable(rows, { owner: "text", activity: "text", started: "timestamptz", bucket: "timestamptz" })}
    where piece.owner_id = input.owner and piece.activity = input.activity and piece.started_at = input.started
      and piece.sweep_bucket < input.bucket`.execute(db);
}
