import { sql, type Kysely } from "kysely";
import type { HistoryEntry } from "./history/history-entry.ts";
import type { NextRevision, StoredSession } from "./stored-session.ts";
import { historySelection } from "./history/history.ts";
import { loadPage, pageColumns, type SessionPage, type PageSize } from "./page.ts";
import {
  sessionFromRow,
  sessionSelection,
  sessionValues,
  ownerSelection,
  revisionSelection,
  revisionFromRow,
  type CipherOf,
  type SessionRevision,
  type SessionRow,
} from "./row.ts";
import type { Tables } from "./tables.ts";
import { countValues, type StoredCount } from "../../postgres/owner.ts";
import { time } from "../../postgres/values.ts";

/** The table of active sessions. Every command changes a row. */

export async function loadActive(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  id: string,
): Promise<StoredSession | null> {
  const row = await selectActive(db, owner, id).executeTakeFirst();
  return row ? sessionFromRow(cipherOf, owner, row) : null;
}

export async function lockActive(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  id: string,
): Promise<StoredSession | null> {
  const row = await selectActive(db, owner, id).forUpdate().executeTakeFirst();
  return row ? sessionFromRow(cipherOf, owner, row) : null;
}

function selectActive(db: Kysely<Tables>, owner: string, id: string) {
  return db.selectFrom("session").select(sessionSelection).where("owner_id", "=", owner).where("id", "=", id);
}

/** A page of active sessions with ids older than `after`, the newest ids first. It includes sessions whose deadline has passed. */
export async function listActive(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  { flow, after, ...limits }: PageSize & { readonly flow: string | null; readonly after: string | null },
): Promise<SessionPage> {
  let query = db.selectFrom("session").select(pageColumns).where("owner_id", "=", owner);
  if (flow !== null) query = query.where("flow", "=", flow);
  if (after !== null) query = query.where("id", "<", after);
  const rows = query.orderBy("id", "desc").limit(limits.limit + 1);
  return loadPage(db, { owner, cipherOf }, sql`${rows}`, sql`id desc`, limits);
}

/**
 * The revisions of the owner's active sessions with ids older than `after`, the newest ids first. `due` tells whether a
 * session's deadline has passed at `at`.
 */
export async function listActiveRevisions(
  db: Kysely<Tables>,
  owner: string,
  at: string,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): Promise<readonly (SessionRevision & { readonly due: boolean })[]> {
  let query = db
    .selectFrom("session")
    .select([...revisionSelection, sql<string>`(expires_at <= ${time(at)})::text`.as("due")])
    .where("owner_id", "=", owner);
  if (after !== undefined) query = query.where("id", "<", after);
  const rows = await query.orderBy("id", "desc").limit(limit).execute();
  return rows.map((row) => ({ ...revisionFromRow(row), due: row.due === "true" }));
}

/** The row of a session whose deadline has passed. */
export type DueSession = SessionRow & { readonly owner: string };

/** Sessions of any owner whose deadline has passed at `at`. Those with the oldest hour come first. */
export async function listDueSessions(db: Kysely<Tables>, at: string, limit: number): Promise<readonly DueSession[]> {
  return db
    .selectFrom("session")
    .select([...sessionSelection, ownerSelection])
    .where("expires_bucket", "<=", time(startOfHour(at)))
    .where("expires_at", "<=", time(at))
    .orderBy("expires_bucket")
    .limit(limit)
    .execute();
}

/** How many sessions of a flow are open at a moment. A session whose deadline has passed is not open. */
export async function countOpenSessions(db: Kysely<Tables>, owner: string, flow: string, at: string): Promise<number> {
  const { count } = await db
    .selectFrom("session")
    .select(sql<string>`count(*)::text`.as("count"))
    .where("owner_id", "=", owner)
    .where("flow", "=", flow)
    .where("expires_at", ">", time(at))
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Whether an owner has at least `count` open sessions, of all flows. */
export async function hasOpenSessions(db: Kysely<Tables>, owner: string, count: number, at: string): Promise<boolean> {
  const rows = await db
    .selectFrom("session")
    .select("id")
    .where("owner_id", "=", owner)
    .where("expires_at", ">", time(at))
    .offset(count - 1)
    .limit(1)
    .execute();
  return rows.length > 0;
}

/**
 * Inserts a started session and its first entry in one statement, and writes how many the owner has begun with it. False
 * when the owner has one of that id.
 */
export async function insertActive(
  db: Kysely<Tables>,
  owner: string,
  next: Pick<NextRevision, "stored" | "cipher">,
  entry: HistoryEntry,
  count: StoredCount | null,
): Promise<boolean> {
  const rows = await db
    .with("moved", (cte) => insertStarted(cte, owner, next).returning(["owner_id", "id"]))
    .with("counted", (cte) =>
      cte
        .updateTable("owner")
        .set(countValues(count))
        .where("owner_id", "=", owner)
        .where(({ exists, selectFrom }) => exists(selectFrom("moved").select("id").where("owner_id", "=", owner))),
    )
    .insertInto("session_event")
    .columns(["owner_id", "session_id", "entry", "revision", "at", "body", "content", "sealed", "hash"])
    .expression((from) => from.selectFrom("moved").select(historySelection(entry)).where("owner_id", "=", owner))
    .returning("entry")
    .execute();
  return rows.length === 1;
}

/** Inserts a started session without its entry. False when the owner has one of that id. */
export async function insertActiveAlone(
  db: Kysely<Tables>,
  owner: string,
  next: Pick<NextRevision, "stored" | "cipher">,
): Promise<boolean> {
  return (await insertStarted(db, owner, next).returning("id").execute()).length === 1;
}

function insertStarted(
  db: Pick<Kysely<Tables>, "insertInto">,
  owner: string,
  { stored, cipher }: Pick<NextRevision, "stored" | "cipher">,
) {
  return db
    .insertInto("session")
    .values({
      ...sessionValues(owner, stored, cipher),
      expires_at: time(stored.snapshot.expiresAt),
      expires_bucket: time(startOfHour(stored.snapshot.expiresAt)),
    })
    .onConflict((conflict) => conflict.columns(["owner_id", "id"]).doNothing());
}

/** Deletes an active session. False when it has another revision now. */
export async function deleteActive(db: Kysely<Tables>, owner: string, id: string, expected: number): Promise<boolean> {
  const rows = await db
    .deleteFrom("session")
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .where("revision", "=", expected)
    .returning("id")
    .execute();
  return rows.length === 1;
}

/** The start of a moment's hour. The indexed value changes only with the hour, so most updates stay heap-only. */
export function startOfHour(iso: string): string {
  return `${iso.slice(0, "2026-11-21T05".length)}:00:00Z`;
}
