import { sql, type Kysely } from "kysely";
import { timeOf } from "../../postgres/values.ts";
import { isCounted } from "./feed-position.ts";
import { rowsAsTable } from "./rows-as-table.ts";
import { pieceFromRow, spanSelection, type Piece, type PieceRow } from "./pieces.ts";
import type { ActivityTables } from "./tables.ts";

/** All that is stored of a visitor, given to the owner who has adopted them. */

/** A visitor, and the owner who has adopted them. */
export interface AdoptedPair {
  readonly visitor: string;
  readonly owner: string;
}

const pairColumns = { visitor: "text", owner: "text" } as const;

/** Those of some owners who are visitors and were adopted. */
export async function listAdopted(
  db: Kysely<ActivityTables>,
  schema: string,
  owners: readonly string[],
): Promise<readonly AdoptedPair[]> {
  const { rows } = await sql<AdoptedPair>`
    select owner_id as visitor, adopted_by as owner from ${sql.table(`${schema}.owner`)}
    where owner_id in (select owner from ${ownersAsTable(owners)}) and adopted_by is not null`.execute(db);
  return rows;
}

/**
 * Moves the events of visitors. Each feed finds them again, as the owner's. Those that are counted already are marked. With
 * `recount` none of them is.
 */
export async function moveEvents(
  db: Kysely<ActivityTables>,
  schema: string,
  pairs: readonly AdoptedPair[],
  { recount }: { readonly recount: boolean },
): Promise<void> {
  const event = sql.table(`${schema}.activity_event`);
  const given = rowsAsTable(pairs, pairColumns);
  const counted = recount ? sql`false` : isCounted(schema, "moved");
  await sql`
    with moved as (
      delete from ${event} as event using ${given} where event.owner_id = input.visitor
      returning event.*, input.owner as adopter)
    insert into ${event} (owner_id, at, id, name, data, received_at, counted)
    select adopter, at, id, name, data, received_at, ${counted} from moved
    on conflict do nothing`.execute(db);
}

export async function moveLateEvents(
  db: Kysely<ActivityTables>,
  schema: string,
  pairs: readonly AdoptedPair[],
): Promise<void> {
  const table = sql.table(`${schema}.activity_late`);
  await sql`
    with moved as (
      delete from ${table} as late using ${rowsAsTable(pairs, pairColumns)} where late.owner_id = input.visitor
      returning input.owner as adopter, late.activity, late.day, late.events)
    insert into ${table} as known (owner_id, activity, day, events)
    select adopter, activity, day, sum(events) from moved group by adopter, activity, day
    on conflict (owner_id, activity, day) do update set events = known.events + excluded.events`.execute(db);
}

/**
 * Takes away the activity sessions of a visitor, and gives what they were. Those from before the first stored event become
 * the owner's as they are: no event is left of which they could be built again.
 */
export async function takeSessions(
  db: Kysely<ActivityTables>,
  schema: string,
  { visitor, owner }: AdoptedPair,
  keptFromMs: number,
): Promise<readonly Piece[]> {
  const kept = sql`${timeOf(keptFromMs)}`;
  const taken: Piece[] = [];
  // In this order: one that moves to the archive meanwhile is found there.
  for (const name of ["activity_session", "activity_session_archive"]) {
    const table = sql.table(`${schema}.${name}`);
    await sql`
      update ${table} as own set owner_id = ${owner} where owner_id = ${visitor} and started_at < ${kept}
        and not exists (select from ${table} as other where other.owner_id = ${owner}
          and other.activity = own.activity and other.started_at = own.started_at)`.execute(db);
    const { rows } = await sql<PieceRow>`
      delete from ${table} where owner_id = ${visitor} and started_at >= ${kept}
      returning owner_id as owner, activity, ${spanSelection}`.execute(db);
    taken.push(...rows.map(pieceFromRow));
  }
  return taken;
}

function ownersAsTable(owners: readonly string[]) {
  return rowsAsTable(
    owners.map((owner) => ({ owner })),
    { owner: "text" },
  );
}
