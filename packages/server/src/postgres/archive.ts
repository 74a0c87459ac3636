import { sql, type Kysely, type Transaction } from "kysely";
import type { ListRequest } from "@sessions/core";
import { stateOf, type Stored } from "../stored.ts";
import { columns, fromRow } from "./row.ts";
import type { Tables } from "./tables.ts";

type Executor = Kysely<Tables> | Transaction<Tables>;

/** The archive: ended sessions, written once. */

export async function loadArchived(db: Executor, owner: string, id: string): Promise<Stored | null> {
  const row = await db
    .selectFrom("session_archive")
    .select(columns)
    .where("owner_id", "=", owner)
    .where("id", "=", id)
    .executeTakeFirst();
  return row ? fromRow(row) : null;
}

/** Ended sessions, newest first, a page at a time by key. */
export async function listArchived(
  db: Executor,
  owner: string,
  { flow, limit, after }: ListRequest,
): Promise<readonly Stored[]> {
  let query = db.selectFrom("session_archive").select(columns).where("owner_id", "=", owner);
  if (flow !== null) query = query.where("flow", "=", flow);
  if (after !== null) {
    query = query.where(sql<boolean>`(ended_at, id) < (${after.endedAt}::timestamptz, ${after.id}::uuid)`);
  }
  const rows = await query.orderBy("ended_at", "desc").orderBy("id", "desc").limit(limit).execute();
  return rows.map(fromRow);
}

/** What has ended since then, in milliseconds since 1970: the newest of it. */
export async function listEndedSince(db: Executor, owner: string, sinceMs: number): Promise<readonly Stored[]> {
  const rows = await db
    .selectFrom("session_archive")
    .select(columns)
    .where("owner_id", "=", owner)
    .where("ended_at", ">=", sql<never>`${new Date(sinceMs).toISOString()}::timestamptz`)
    .orderBy("ended_at", "desc")
    .limit(100)
    .execute();
  return rows.map(fromRow);
}

/** Writes an ended session. `endedAt` and a status other than active are set in its snapshot. */
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
      state: JSON.stringify(stateOf(stored.snapshot)),
      receipts: stored.receipts,
      entry: stored.entry,
      hash: stored.hash,
      ended_at: endedAt,
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
    .select(sql<string | number>`extract(epoch from ended_at) * 1000`.as("ended_ms"))
    .where("owner_id", "=", owner)
    .where("flow", "=", flow)
    .where("status", "=", "completed")
    .where("ended_at", ">=", sql<never>`${new Date(fromMs).toISOString()}::timestamptz`)
    .orderBy("ended_at", "desc")
    .offset(nth - 1)
    .limit(1)
    .executeTakeFirst();
  return row ? Number(row.ended_ms) : null;
}

/** Those of these sessions that are archived. */
export async function loadArchivedOf(db: Executor, owner: string, ids: readonly string[]): Promise<readonly Stored[]> {
  const query = db.selectFrom("session_archive").select(columns).where("owner_id", "=", owner).where("id", "in", ids);
  return (await query.execute()).map(fromRow);
}
