import { sql, type Kysely, type Transaction } from "kysely";
import type { ListRequest } from "@sessions/core";
import { toState, type HistoryEntry, type Stored } from "./stored.ts";
import { deleteActive } from "./active.ts";
import { insertHistory } from "./history.ts";
import { pageOf, paged, type Page, type Room } from "./page.ts";
import { columns, fromRow, revisionColumns, revisionOf, type Revision } from "./row.ts";
import type { Tables } from "./tables.ts";
import { bytes, json, time } from "../../postgres/values.ts";

type Executor = Kysely<Tables> | Transaction<Tables>;

/** The archive of ended sessions. Each row is written once. */

export async function loadArchived(db: Executor, owner: string, id: string): Promise<Stored | null> {
  const row = await db
    .selectFrom("session_archive")
    .select(columns)
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .executeTakeFirst();
  return row ? fromRow(row) : null;
}

/** A page of ended sessions, the newest first: those that ended before `after`. */
export async function listArchived(
  db: Executor,
  owner: string,
  { flow, after, ...room }: Room & Pick<ListRequest, "flow"> & { readonly after: Ended | null },
): Promise<Page> {
  let query = db
    .selectFrom("session_archive")
    .select([...paged, "ended_at"])
    .where("owner_id", "=", owner);
  if (flow !== null) query = query.where("flow", "=", flow);
  if (after !== null) {
    query = query.where(sql<boolean>`(ended_at, id) < (${time(after.endedAt)}, ${after.id}::uuid)`);
  }
  const rows = query
    .orderBy("ended_at", "desc")
    .orderBy("id", "desc")
    .limit(room.limit + 1);
  return pageOf(db, sql`${rows}`, sql`ended_at desc, id desc`, room);
}

/** The position of an ended session in the list of the owner's. */
export interface Ended {
  readonly endedAt: string;
  readonly id: string;
}

/** The ids and revisions of the newest sessions that have ended since `sinceMs`, in milliseconds since 1970. */
export async function listEndedSince(db: Executor, owner: string, sinceMs: number): Promise<readonly Revision[]> {
  const rows = await db
    .selectFrom("session_archive")
    .select(revisionColumns)
    .where("owner_id", "=", owner)
    .where("ended_at", ">=", time(new Date(sinceMs).toISOString()))
    .orderBy("ended_at", "desc")
    .limit(100)
    .execute();
  return rows.map(revisionOf);
}

/** The ids and revisions of those of these sessions that are archived. */
export async function archivedRevisionsOf(
  db: Executor,
  owner: string,
  ids: readonly string[],
): Promise<readonly Revision[]> {
  const rows = await db
    .selectFrom("session_archive")
    .select(revisionColumns)
    .where("owner_id", "=", owner)
    .where("id", "in", ids)
    .execute();
  return rows.map(revisionOf);
}

/** Writes an ended session. Its snapshot has `endedAt`, and a status other than active. */
export async function insertArchived(db: Executor, owner: string, stored: Stored): Promise<void> {
  const { id, flow, version, revision, status, endedAt } = stored.snapshot;
  if (status === "active" || endedAt === null) throw new Error("Only an ended session is archived.");
  await db
    .insertInto("session_archive")
    .values({
      owner_id: owner,
      id,
      flow,
      version,
      revision,
      status,
      state: json(JSON.stringify(toState(stored.snapshot))),
      receipts: bytes(stored.receipts),
      entry: stored.entry,
      hash: bytes(stored.hash),
      ended_at: time(endedAt),
    })
    .execute();
}

/**
 * When the `nth` newest completion of a flow within a window happened, in milliseconds since 1970;
 * null when there are fewer.
 */
export async function nthNewestCompletion(
  db: Executor,
  owner: string,
  flow: string,
  nth: number,
  fromMs: number,
): Promise<number | null> {
  const row = await db
    .selectFrom("session_archive")
    .select(sql<string>`(extract(epoch from ended_at) * 1000)::text`.as("ended"))
    .where("owner_id", "=", owner)
    .where("flow", "=", flow)
    .where("status", "=", "completed")
    .where("ended_at", ">=", time(new Date(fromMs).toISOString()))
    .orderBy("ended_at", "desc")
    .offset(nth - 1)
    .limit(1)
    .executeTakeFirst();
  return row ? Number(row.ended) : null;
}

/** A page of these sessions, active or ended, the newest ids first. One statement reads both tables, so it misses no session that moves to the archive. */
export async function pageOfEither(db: Executor, owner: string, ids: readonly string[], atMost: number): Promise<Page> {
  const active = db.selectFrom("session").select(paged).where("owner_id", "=", owner).where("id", "in", ids);
  const ended = db.selectFrom("session_archive").select(paged).where("owner_id", "=", owner).where("id", "in", ids);
  const rows = sql`(${active} union all ${ended} order by id desc)`;
  return pageOf(db, rows, sql`id desc`, { limit: ids.length, bytes: atMost });
}

/**
 * Moves a session to the archive. False when another writer came first. It runs within a transaction, and each statement
 * names the owner, so that a distributed Postgres sends it to one shard.
 */
export async function moveToArchive(
  tx: Kysely<Tables>,
  owner: string,
  before: Stored,
  stored: Stored,
  entry: HistoryEntry | null,
): Promise<boolean> {
  if (!(await deleteActive(tx, owner, stored.snapshot.id, before.snapshot.revision))) return false;
  await insertArchived(tx, owner, stored);
  if (entry !== null) await insertHistory(tx, owner, entry);
  return true;
}
