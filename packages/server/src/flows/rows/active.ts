import { sql, type Kysely, type Transaction } from "kysely";
import { toState, type HistoryEntry, type Stored } from "./stored.ts";
import { historyRow } from "./history.ts";
import { pageOf, paged, type Page, type Room } from "./page.ts";
import { columns, fromRow, ownerColumn, revisionColumns, revisionOf, type Revision } from "./row.ts";
import type { Tables } from "./tables.ts";
import { bytes, json, time } from "../../postgres/values.ts";

type Executor = Kysely<Tables> | Transaction<Tables>;

/** The table of active sessions. Every command changes a row. */

export async function loadActive(db: Executor, owner: string, id: string, lock = false): Promise<Stored | null> {
  let query = db.selectFrom("session").select(columns).where("owner_id", "=", owner).where("id", "=", id);
  if (lock) query = query.forUpdate();
  const row = await query.executeTakeFirst();
  return row ? fromRow(row) : null;
}

/** A page of active sessions with ids older than `after`, the newest ids first. It includes sessions whose deadline has passed. */
export async function listActive(
  db: Executor,
  owner: string,
  { flow, after, ...room }: Room & { readonly flow: string | null; readonly after: string | null },
): Promise<Page> {
  let query = db.selectFrom("session").select(paged).where("owner_id", "=", owner);
  if (flow !== null) query = query.where("flow", "=", flow);
  if (after !== null) query = query.where("id", "<", after);
  const rows = query.orderBy("id", "desc").limit(room.limit + 1);
  return pageOf(db, sql`${rows}`, sql`id desc`, room);
}

/**
 * The revisions of the owner's active sessions with ids older than `after`, the newest ids first. `due` tells whether a
 * session's deadline has passed at `at`.
 */
export async function listRevisions(
  db: Executor,
  owner: string,
  at: string,
  { limit, after }: { readonly limit: number; readonly after: string | undefined },
): Promise<readonly (Revision & { readonly due: boolean })[]> {
  let query = db
    .selectFrom("session")
    .select([...revisionColumns, sql<string>`(expires_at <= ${time(at)})::text`.as("due")])
    .where("owner_id", "=", owner);
  if (after !== undefined) query = query.where("id", "<", after);
  const rows = await query.orderBy("id", "desc").limit(limit).execute();
  return rows.map((row) => ({ ...revisionOf(row), due: row.due === "true" }));
}

/** Sessions of any owner whose deadline has passed at `at`. Those with the oldest hour come first. */
export async function listDue(
  db: Executor,
  at: string,
  limit: number,
): Promise<readonly { readonly owner: string; readonly stored: Stored }[]> {
  const rows = await db
    .selectFrom("session")
    .select([...columns, ownerColumn])
    .where("expires_bucket", "<=", time(hourOf(at)))
    .where("expires_at", "<=", time(at))
    .orderBy("expires_bucket")
    .limit(limit)
    .execute();
  return rows.map((row) => ({ owner: row.owner, stored: fromRow(row) }));
}

/** How many sessions of a flow are open at a moment. A session whose deadline has passed is not open. */
export async function countOpen(db: Executor, owner: string, flow: string, at: string): Promise<number> {
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
export async function hasOpen(db: Executor, owner: string, count: number, at: string): Promise<boolean> {
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

/** Inserts a started session and its first entry in one statement. False when the owner has one of that id. */
export async function insertActive(db: Executor, owner: string, stored: Stored, entry: HistoryEntry): Promise<boolean> {
  const rows = await db
    .with("moved", (cte) =>
      cte
        .insertInto("session")
        .values({
          owner_id: owner,
          id: stored.snapshot.id,
          flow: stored.snapshot.flow,
          ...changing(stored),
          receipts: bytes(stored.receipts),
        })
        .onConflict((conflict) => conflict.columns(["owner_id", "id"]).doNothing())
        .returning(["owner_id", "id"]),
    )
    .insertInto("session_event")
    .columns(["owner_id", "session_id", "entry", "revision", "at", "body", "hash"])
    .expression((from) => from.selectFrom("moved").select(historyRow(entry)).where("owner_id", "=", owner))
    .returning("entry")
    .execute();
  return rows.length === 1;
}

/** Deletes an active session. False when it has another revision now. */
export async function deleteActive(db: Executor, owner: string, id: string, expected: number): Promise<boolean> {
  const rows = await db
    .deleteFrom("session")
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .where("revision", "=", expected)
    .returning("id")
    .execute();
  return rows.length === 1;
}

/** The columns that a command changes, without the receipts. */
function changing(stored: Stored) {
  const { snapshot } = stored;
  return {
    version: snapshot.version,
    revision: snapshot.revision,
    state: json(JSON.stringify(toState(snapshot))),
    entry: stored.entry,
    hash: bytes(stored.hash),
    expires_at: time(snapshot.expiresAt),
    expires_bucket: time(hourOf(snapshot.expiresAt)),
  };
}

/** The start of a moment's hour. The indexed value changes only with the hour, so most updates stay heap-only. */
export function hourOf(iso: string): string {
  return `${iso.slice(0, "2026-11-21T05".length)}:00:00Z`;
}
