import { sql } from "kysely";
import { msOf, timeOf } from "../../postgres/values.ts";
import { tableOf } from "./counts.ts";
import type { AuditedAction, DashboardSource } from "./tables.ts";

export interface AuditEntry {
  readonly operator: string;
  readonly action: AuditedAction;
  readonly owner: string;
  readonly subject: string | null;
  readonly reason: string | null;
}

/** Adds an entry. It is committed when this resolves: the action that it names comes after it. */
export async function insertAuditEntry(
  { db, schema }: DashboardSource,
  { operator, action, owner, subject, reason }: AuditEntry,
  atMs: number,
): Promise<void> {
  await db
    .withSchema(schema)
    .insertInto("dashboard_audit")
    .values({ at: timeOf(atMs), operator, action, owner_id: owner, subject, reason })
    .execute();
}

/**
 * Deletes entries before a moment, of the oldest `atMost`. Gives how many. The oldest have the smallest ids, so it reads no
 * others.
 */
export async function deleteAuditBefore(source: DashboardSource, beforeMs: number, atMost: number): Promise<number> {
  const audit = tableOf(source, "dashboard_audit");
  const { rows } = await sql`
    delete from ${audit} where id in (
      select id from (select id, at from ${audit} order by id limit ${sql.lit(atMost)}) as oldest
      where at < ${timeOf(beforeMs)})
    returning 1 as one`.execute(source.db);
  return rows.length;
}

/** A page of the audit, the newest first: the entries before `before`. */
export async function listAudit(
  { db, schema }: DashboardSource,
  { before, limit }: { readonly before: string | null; readonly limit: number },
): Promise<readonly (AuditEntry & { readonly id: string; readonly atMs: number })[]> {
  let query = db
    .withSchema(schema)
    .selectFrom("dashboard_audit")
    .select([
      sql<string>`id::text`.as("number"),
      "operator",
      "action",
      sql<string>`owner_id`.as("owner"),
      "subject",
      "reason",
      msOf("at").as("atms"),
    ]);
  if (before !== null) query = query.where(sql<boolean>`id < ${before}::bigint`);
  const rows = await query.orderBy("id", "desc").limit(limit).execute();
  return rows.map(({ number, atms, ...entry }) => ({ ...entry, id: number, atMs: Number(atms) }));
}
