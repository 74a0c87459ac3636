import { sql, type Kysely, type Transaction } from "kysely";
import { lockOwner } from "../postgres/owner.ts";
import type { ErasureTables } from "./tables.ts";

/** How many sessions a transaction erases. */
const PAGE_SIZE = 200;

/** Erases a page of an owner's sessions with their histories, in a transaction that has locked the owner. Gives how many. */
type PageEraser = (tx: Transaction<ErasureTables>, schema: string, owner: string) => Promise<number>;

/** Active sessions go as a whole. A writer that comes later finds none. */
const eraseActiveSessions: PageEraser = async (tx, schema, owner) => {
  const table = sql.table(`${schema}.session`);
  const { rows } = await sql<{ id: string }>`
    select id::text as id from ${table} where owner_id = ${owner}
    order by id limit ${PAGE_SIZE}::integer for update`.execute(tx);
  const ids = rows.map(({ id }) => id);
  await deleteHistories(tx, schema, owner, ids);
  if (ids.length > 0) await sql`delete from ${table} where owner_id = ${owner} and id in (${uuids(ids)})`.execute(tx);
  return ids.length;
};

/** Of an ended session its flow, status and time stay: limits count them. */
const eraseEndedSessions: PageEraser = async (tx, schema, owner) => {
  const table = sql.table(`${schema}.session_archive`);
  const { rows } = await sql<{ id: string }>`
    select id::text as id from ${table} where owner_id = ${owner} limit ${PAGE_SIZE}::integer`.execute(tx);
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return 0;
  await deleteHistories(tx, schema, owner, ids);
  await sql`
    insert into ${sql.table(`${schema}.erased_session`)} (owner_id, session_id, flow, status, ended_at)
    select owner_id, id, flow, status, ended_at from ${table} where owner_id = ${owner} and id in (${uuids(ids)})
    on conflict do nothing`.execute(tx);
  await sql`delete from ${table} where owner_id = ${owner} and id in (${uuids(ids)})`.execute(tx);
  return ids.length;
};

/** Histories whose sessions are gone: the months of the archive may be kept for a shorter time. */
const eraseLeftHistories: PageEraser = async (tx, schema, owner) => {
  const inTable = (name: string) => sql`
    select from ${sql.table(`${schema}.${name}`)} as kept where kept.owner_id = ${owner} and kept.id = event.session_id`;
  const { rows } = await sql<{ id: string }>`
    select distinct event.session_id::text as id from ${sql.table(`${schema}.session_event`)} as event
    where event.owner_id = ${owner} and not exists (${inTable("session")})
      and not exists (${inTable("session_archive")}) limit ${PAGE_SIZE}::integer`.execute(tx);
  const ids = rows.map(({ id }) => id);
  await deleteHistories(tx, schema, owner, ids);
  return ids.length;
};

/** What erases an owner's sessions. The active ones come first: one that ends meanwhile is then among the ended ones. */
export const sessionErasers = [eraseActiveSessions, eraseEndedSessions, eraseLeftHistories] as const;

async function deleteHistories(
  tx: Transaction<ErasureTables>,
  schema: string,
  owner: string,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    delete from ${sql.table(`${schema}.session_event`)}
    where owner_id = ${owner} and session_id in (${uuids(ids)})`.execute(tx);
}

const uuids = (ids: readonly string[]) => sql.join(ids.map((id) => sql`${id}::uuid`));

/** Runs work with the owner's row locked: decisions that count limits, and sign-ins that begin, wait for it. */
export function inTransaction<T>(
  db: Kysely<ErasureTables>,
  schema: string,
  owner: string,
  at: string,
  work: (tx: Transaction<ErasureTables>) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await lockOwner(tx.withSchema(schema), owner, at);
    return work(tx);
  });
}
