import { sql, type Kysely } from "kysely";
import { isoOf, msOf } from "../../postgres/values.ts";
import type { CounterStates } from "../definition/counter-states.ts";
import type { Span } from "../sessionizer/span.ts";
import { rowsAsTable } from "./rows-as-table.ts";
import type { ActivityTables } from "./tables.ts";

/** The pieces of activity sessions that can still change: the table `activity_session`. */

/** An owner's part in one activity. */
export interface Place {
  readonly owner: string;
  readonly activity: string;
}

export type Piece = Place & Span;

const HOUR_MS = 3_600_000;

/** A row, as {@link spanSelection} reads it. */
export interface PieceRow {
  readonly owner: string;
  readonly activity: string;
  readonly started: string;
  readonly last: string;
  readonly events: number;
  readonly json: string;
}

export const spanSelection = sql`${msOf("started_at")} as started, ${msOf("last_at")} as last, events, counts::text as json`;

export function pieceFromRow({ owner, activity, started, last, events, json }: PieceRow): Piece {
  // Written by this package.
  const counts = JSON.parse(json) as CounterStates;
  return { owner, activity, startedMs: Number(started), lastMs: Number(last), events: Number(events), counts };
}

/** A part of an owner's time in which pieces are looked for: those that have a moment in it. */
export interface Stretch extends Place {
  readonly fromMs: number;
  readonly untilMs: number;
  /** The longest that a piece of this activity can be. */
  readonly atMostMs: number;
}

/** Reads and locks the pieces of many owners. */
export async function lockPieces(
  db: Kysely<ActivityTables>,
  schema: string,
  stretches: readonly Stretch[],
): Promise<readonly Piece[]> {
  const rows = stretches.map(({ owner, activity, fromMs, untilMs, atMostMs }) => ({
    owner,
    activity,
    // A piece that reaches into the stretch begins no earlier than this: so the index finds it.
    earliest: isoOf(fromMs - atMostMs),
    from: isoOf(fromMs),
    until: isoOf(untilMs),
  }));
  const { rows: found } = await sql<PieceRow>`
    select piece.owner_id as owner, piece.activity, ${spanSelection} from ${rowsAsTable(rows, {
      owner: "text",
      activity: "text",
      earliest: "timestamptz",
      from: "timestamptz",
      until: "timestamptz",
    })}
    join ${sql.table(`${schema}.activity_session`)} as piece
      on piece.owner_id = input.owner and piece.activity = input.activity
      and piece.started_at between input.earliest and input.until and piece.last_at >= input.from
    order by piece.owner_id, piece.activity, piece.started_at
    for update of piece`.execute(db);
  return found.map(pieceFromRow);
}

/** How pieces change. A piece is named by its start. */
export interface PieceChanges {
  readonly removed: readonly (Place & Pick<Span, "startedMs">)[];
  /** They begin where they began. */
  readonly changed: readonly Piece[];
  readonly added: readonly Piece[];
}

export async function writePieces(db: Kysely<ActivityTables>, schema: string, changes: PieceChanges): Promise<void> {
  const table = sql.table(`${schema}.activity_session`);
  const isInput = sql`piece.owner_id = input.owner and piece.activity = input.activity and piece.started_at = input.started`;
  const { removed, changed, added } = changes;
  if (removed.length > 0) {
    const rows = removed.map(({ owner, activity, startedMs }) => ({ owner, activity, started: isoOf(startedMs) }));
    await sql`
      delete from ${table} as piece using ${rowsAsTable(rows, { owner: "text", activity: "text", started: "timestamptz" })}
      where ${isInput}`.execute(db);
  }
  if (changed.length > 0) {
    await sql`
      update ${table} as piece set last_at = input.last, events = input.events, counts = input.counts
      from ${rowsAsTable(changed.map(pieceValues), pieceColumns)}
      where ${isInput}`.execute(db);
  }
  if (added.length > 0) {
    await sql`
      insert into ${table} (owner_id, activity, started_at, last_at, events, counts, sweep_bucket)
      select owner, activity, started, last, events, counts, bucket from ${rowsAsTable(added.map(pieceValues), pieceColumns)}`.execute(
      db,
    );
  }
}

export const pieceColumns = {
  owner: "text",
  activity: "text",
  started: "timestamptz",
  last: "timestamptz",
  events: "integer",
  counts: "json",
  bucket: "timestamptz",
} as const;

export function pieceValues({ owner, activity, startedMs, lastMs, events, counts }: Piece) {
  const bucket = bucketAfter(lastMs);
  const [started, last] = [isoOf(startedMs), isoOf(lastMs)];
  return { owner, activity, started, last, events: String(events), counts: JSON.stringify(counts), bucket };
}

/** The full hour after a moment. */
export const bucketAfter = (ms: number) => isoOf((Math.floor(ms / HOUR_MS) + 1) * HOUR_MS);
