import { sql, type Kysely } from "kysely";
import { isoOf, msOf, timeOf, LEAST_ID } from "../../postgres/values.ts";
import type { LoggedEvent } from "./events.ts";
import { isCounted } from "./feed-position.ts";
import { lockPieces, pieceFromRow, spanSelection, type Piece, type PieceRow, type Stretch } from "./pieces.ts";
import type { ActivityTables } from "./tables.ts";

/** What is stored of a part of an owner's time: pieces, activity sessions of the archive, and events. */

const EVENTS_AT_ONCE = 5_000;

/** Locks the pieces in a stretch, and reads the activity sessions of the archive. */
export async function lockSpans(
  db: Kysely<ActivityTables>,
  schema: string,
  stretch: Stretch,
): Promise<{ readonly pieces: readonly Piece[]; readonly archived: readonly Piece[] }> {
  const { owner, activity, fromMs, untilMs, atMostMs } = stretch;
  // In this order: one that moves to the archive meanwhile is found there.
  const pieces = await lockPieces(db, schema, [stretch]);
  const { rows } = await sql<PieceRow>`
    select owner_id as owner, activity, ${spanSelection} from ${sql.table(`${schema}.activity_session_archive`)}
    where owner_id = ${owner} and activity = ${activity} and started_at between ${timeOf(fromMs - atMostMs)} and ${timeOf(untilMs)}
      and last_at >= ${timeOf(fromMs)}`.execute(db);
  return { pieces, archived: rows.map(pieceFromRow) };
}

export async function deleteArchived(
  db: Kysely<ActivityTables>,
  schema: string,
  sessions: readonly Piece[],
): Promise<void> {
  for (const { owner, activity, startedMs } of sessions) {
    await sql`
      delete from ${sql.table(`${schema}.activity_session_archive`)}
      where owner_id = ${owner} and activity = ${activity} and started_at = ${timeOf(startedMs)}`.execute(db);
  }
}

/** The events of an owner in a part of time that the feed has counted, page by page. */
export async function* countedEvents(
  db: Kysely<ActivityTables>,
  schema: string,
  { owner, fromMs, untilMs }: Pick<Stretch, "owner" | "fromMs" | "untilMs">,
): AsyncGenerator<readonly LoggedEvent[]> {
  const table = sql.table(`${schema}.activity_event`);
  let after = { at: isoOf(fromMs), id: LEAST_ID };
  for (;;) {
    const { rows } = await sql<{ id: string; name: string; data: string; happened: string; received: string }>`
      select id::text as id, name, data::text as data, ${msOf("at")} as happened, ${msOf("received_at")} as received
      from ${table} as event
      where owner_id = ${owner} and (at, id) > (${after.at}::text::timestamptz, ${after.id}::text::uuid)
        and at <= ${timeOf(untilMs)} and ${isCounted(schema, "event")}
      order by at, id limit ${sql.lit(EVENTS_AT_ONCE)}`.execute(db);
    yield rows.map(({ id, name, data, happened, received }) => ({
      owner,
      id,
      name,
      // Checked when it was recorded.
      data: JSON.parse(data) as LoggedEvent["data"],
      atMs: Number(happened),
      receivedMs: Number(received),
    }));
    const last = rows.at(-1);
    if (last === undefined || rows.length < EVENTS_AT_ONCE) return;
    after = { at: isoOf(Number(last.happened)), id: last.id };
  }
}
