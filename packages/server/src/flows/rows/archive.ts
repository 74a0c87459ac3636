import { sql, type Kysely } from "kysely";
import type { ListRequest } from "@sessions/core/internal";
import type { NextRevision, StoredSession } from "./stored-session.ts";
import { deleteActive } from "./active.ts";
import { insertHistoryEntry } from "./history/history.ts";
import { loadPage, pageColumns, type SessionPage, type PageSize } from "./page.ts";
import {
  sessionFromRow,
  sessionSelection,
  sessionValues,
  revisionSelection,
  revisionFromRow,
  type CipherOf,
  type SessionRevision,
} from "./row.ts";
import type { Tables } from "./tables.ts";
import { time, timeOf } from "../../postgres/values.ts";

/** The archive of ended sessions. Each row is written once. */

export async function loadArchived(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  id: string,
): Promise<StoredSession | null> {
  const row = await db
    .selectFrom("session_archive")
    .select(sessionSelection)
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .executeTakeFirst();
  return row ? sessionFromRow(cipherOf, owner, row) : null;
}

/** A session, active or ended. One statement reads both tables, so it misses none that moves to the archive. */
export async function loadAnywhere(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  id: string,
): Promise<StoredSession | null> {
  const ended = db.selectFrom("session_archive").select(sessionSelection).where("owner_id", "=", owner);
  const row = await db
    .selectFrom("session")
    .select(sessionSelection)
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .unionAll(ended.where("id", "=", id))
    .limit(1)
    .executeTakeFirst();
  return row ? sessionFromRow(cipherOf, owner, row) : null;
}

/** A page of ended sessions, the newest first: those that ended before `after`. */
export async function listArchived(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  { flow, after, ...limits }: PageSize & Pick<ListRequest, "flow"> & { readonly after: ArchivePosition | null },
): Promise<SessionPage> {
  let query = db
    .selectFrom("session_archive")
    .select([...pageColumns, "ended_at"])
    .where("owner_id", "=", owner);
  if (flow !== null) query = query.where("flow", "=", flow);
  if (after !== null) {
    query = query.where(sql<boolean>`(ended_at, id) < (${time(after.endedAt)}, ${after.id}::uuid)`);
  }
  const rows = query
    .orderBy("ended_at", "desc")
    .orderBy("id", "desc")
    .limit(limits.limit + 1);
  return loadPage(db, { owner, cipherOf }, sql`${rows}`, sql`ended_at desc, id desc`, limits);
}

/** The position of an ended session in the list of the owner's. */
export interface ArchivePosition {
  readonly endedAt: string;
  readonly id: string;
}

/** The ids and revisions of the newest sessions that have ended since `sinceMs`, in milliseconds since 1970. */
export async function listEndedSince(
  db: Kysely<Tables>,
  owner: string,
  sinceMs: number,
): Promise<readonly SessionRevision[]> {
  const rows = await db
    .selectFrom("session_archive")
    .select(revisionSelection)
    .where("owner_id", "=", owner)
    .where("ended_at", ">=", timeOf(sinceMs))
    .orderBy("ended_at", "desc")
    .limit(100)
    .execute();
  return rows.map(revisionFromRow);
}

/** The ids and revisions of those of these sessions that are archived. */
export async function listArchivedRevisions(
  db: Kysely<Tables>,
  owner: string,
  ids: readonly string[],
): Promise<readonly SessionRevision[]> {
  const rows = await db
    .selectFrom("session_archive")
    .select(revisionSelection)
    .where("owner_id", "=", owner)
    .where("id", "in", ids)
    .execute();
  return rows.map(revisionFromRow);
}

/** Writes an ended session. Its snapshot has `endedAt`, and a status other than active. */
export async function insertArchived(
  db: Kysely<Tables>,
  owner: string,
  { stored, cipher }: Pick<NextRevision, "stored" | "cipher">,
): Promise<void> {
  const { status, endedAt } = stored.snapshot;
  if (status === "active" || endedAt === null) throw new Error("Only an ended session is archived.");
  await db
    .insertInto("session_archive")
    .values({ ...sessionValues(owner, stored, cipher), status, ended_at: time(endedAt) })
    .execute();
}

/**
 * When the `nth` newest completion of a flow within a window happened, in milliseconds since 1970; null when there are
 * fewer. Completions of an owner who was erased count too.
 */
export async function nthNewestCompletionMs(
  db: Kysely<Tables>,
  owner: string,
  flow: string,
  nth: number,
  fromMs: number,
): Promise<number | null> {
  const completed = (table: "session_archive" | "erased_session") =>
    db
      .selectFrom(table)
      .select("ended_at")
      .where("owner_id", "=", owner)
      .where("flow", "=", flow)
      .where("status", "=", "completed")
      .where("ended_at", ">=", timeOf(fromMs))
      .orderBy("ended_at", "desc")
      .limit(nth);
  // Each part ends early, and comes in the order of an index.
  const newest = sql<{
    ended_at: never;
  }>`((${completed("session_archive")}) union all (${completed("erased_session")}))`;
  const row = await db
    .selectFrom(newest.as<"completed">("completed"))
    .select(sql<string>`(extract(epoch from ended_at) * 1000)::text`.as("ended"))
    .orderBy("ended_at", "desc")
    .offset(nth - 1)
    .limit(1)
    .executeTakeFirst();
  return row ? Number(row.ended) : null;
}

/** A page of these sessions, active or ended, the newest ids first. One statement reads both tables, so it misses no session that moves to the archive. */
export async function listByIds(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  ids: readonly string[],
  atMost: number,
): Promise<SessionPage> {
  const active = db.selectFrom("session").select(pageColumns).where("owner_id", "=", owner).where("id", "in", ids);
  const ended = db
    .selectFrom("session_archive")
    .select(pageColumns)
    .where("owner_id", "=", owner)
    .where("id", "in", ids);
  const rows = sql`(${active} union all ${ended} order by id desc)`;
  return loadPage(db, { owner, cipherOf }, rows, sql`id desc`, { limit: ids.length, bytes: atMost });
}

/**
 * Moves a session to the archive. False when another writer came first. It runs within a transaction, and each statement
 * names the owner, so that a distributed Postgres sends it to one shard.
 */
export async function moveToArchive(
  tx: Kysely<Tables>,
  owner: string,
  before: StoredSession,
  next: NextRevision,
): Promise<boolean> {
  const { entry } = next;
  if (!(await deleteActive(tx, owner, before.snapshot.id, before.snapshot.revision))) return false;
  await insertArchived(tx, owner, next);
  if (entry !== null) await insertHistoryEntry(tx, owner, entry);
  return true;
}
