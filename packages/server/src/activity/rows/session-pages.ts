import { sql, type Kysely, type RawBuilder } from "kysely";
import { timeOf } from "../../postgres/values.ts";
import { pieceFromRow, spanSelection, type Piece, type PieceRow, type Place } from "./pieces.ts";
import type { ActivityTables } from "./tables.ts";

/** A part of the activity sessions of one owner: those that began before a moment, the latest first. */
export interface PageOf extends Place {
  readonly beforeMs: number;
  readonly limit: number;
}

/**
 * The pieces of which the activity sessions of a page are made. One is made of at most two pieces. So that each run that
 * reaches over an end of the page is known to be long or not, two more pieces are read at either end.
 */
export async function listPieces(db: Kysely<ActivityTables>, schema: string, page: PageOf): Promise<readonly Piece[]> {
  const table = sql`${sql.table(`${schema}.activity_session`)}`;
  const later = select(table, page, sql`started_at >= ${before(page)} order by started_at limit 2`);
  const earlier = select(
    table,
    page,
    sql`started_at < ${before(page)} order by started_at desc limit ${2 * page.limit + 2}`,
  );
  const { rows } = await sql<PieceRow>`(${later}) union all (${earlier})`.execute(db);
  return rows.map(pieceFromRow);
}

/** The activity sessions of a page that can change no more. */
export async function listArchived(
  db: Kysely<ActivityTables>,
  schema: string,
  page: PageOf,
): Promise<readonly Piece[]> {
  const table = sql.table(`${schema}.activity_session_archive`);
  const { rows } = await sql<PieceRow>`${select(
    table,
    page,
    sql`started_at < ${before(page)} order by started_at desc limit ${page.limit}`,
  )}`.execute(db);
  return rows.map(pieceFromRow);
}

const before = ({ beforeMs }: PageOf) => sql`${timeOf(beforeMs)}`;

const select = (table: RawBuilder<unknown>, { owner, activity }: Place, where: RawBuilder<unknown>) => sql`
  select owner_id as owner, activity, ${spanSelection} from ${table}
  where owner_id = ${owner} and activity = ${activity} and ${where}`;

/** How many events of some days came too late. */
export async function countLate(
  db: Kysely<ActivityTables>,
  schema: string,
  { owner, activity, fromMs, untilMs }: Place & { readonly fromMs: number; readonly untilMs: number },
): Promise<number> {
  const day = (ms: number) => sql`(${timeOf(ms)} at time zone 'UTC')::date`;
  const { rows } = await sql<{ events: string }>`
    select coalesce(sum(events), 0)::text as events from ${sql.table(`${schema}.activity_late`)}
    where owner_id = ${owner} and activity = ${activity} and day >= ${day(fromMs)} and day <= ${day(untilMs)}`.execute(
    db,
  );
  return Number(rows[0]?.events);
}
