import { sql, type Kysely } from "kysely";
import type { Change, Status } from "@sessions/core";
import { loadHistory } from "./postgres/history.ts";
import { columns, fromRow } from "./postgres/row.ts";
import type { Tables } from "./postgres/tables.ts";
import { chainHash, type HistoryEntry, type Stored } from "./stored.ts";

/** A row that contradicts another. */
export interface Broken {
  readonly owner: string;
  readonly session: string;
  /** What is wrong, in ids and numbers. */
  readonly reason: string;
}

export interface VerifyOptions {
  readonly onProgress?: (sessions: number) => void;
}

const PAGE_SIZE = 500;

/**
 * Walks every session, active and ended, with its history: entries numbered without gaps, hashes chained, the
 * row agreeing with its last entry, a receipt for each entry, and no session in two places. Gives the first
 * that is broken, by owner and id, and how many were looked at.
 */
export async function verify(
  db: Kysely<Tables>,
  { onProgress }: VerifyOptions = {},
): Promise<{ readonly sessions: number; readonly broken: Broken | null }> {
  let sessions = 0;
  for (const table of ["session", "session_archive"] as const) {
    let after = { owner: "", id: "00000000-0000-0000-0000-000000000000" };
    for (;;) {
      const page = await pageOf(db, table, after);
      for (const { owner, stored } of page) {
        const reason = table === "session" && (await isArchived(db, owner, stored)) ? "is active and archived" : null;
        const wrong = reason ?? (await contradiction(db, owner, stored));
        if (wrong !== null) return { sessions, broken: { owner, session: stored.snapshot.id, reason: wrong } };
        sessions += 1;
      }
      onProgress?.(sessions);
      const last = page.at(-1);
      if (page.length < PAGE_SIZE || last === undefined) break;
      after = { owner: last.owner, id: last.stored.snapshot.id };
    }
  }
  return { sessions, broken: null };
}

async function pageOf(
  db: Kysely<Tables>,
  table: "session" | "session_archive",
  after: { readonly owner: string; readonly id: string },
) {
  const rows = await db
    .selectFrom(table)
    .select([...columns, "owner_id"])
    .where(sql<boolean>`(owner_id, id) > (${after.owner}, ${after.id}::uuid)`)
    .orderBy("owner_id")
    .orderBy("id")
    .limit(PAGE_SIZE)
    .execute();
  return rows.map((row) => ({ owner: row.owner_id, stored: fromRow(row) }));
}

async function isArchived(db: Kysely<Tables>, owner: string, { snapshot }: Stored): Promise<boolean> {
  const query = db
    .selectFrom("session_archive")
    .select("id")
    .where("owner_id", "=", owner)
    .where("id", "=", snapshot.id);
  return (await query.executeTakeFirst()) !== undefined;
}

async function contradiction(db: Kysely<Tables>, owner: string, stored: Stored): Promise<string | null> {
  const { snapshot, receipts } = stored;
  const history = await loadHistory(db, owner, snapshot.id);
  const broken = brokenEntry(history, snapshot.id);
  if (broken !== null) return broken;

  const last = history.at(-1);
  if (last === undefined) return "has no history";
  if (last.entry !== stored.entry) return `ends at entry ${stored.entry}, its history at ${last.entry}`;
  if (!sameBytes(last.hash, stored.hash)) return `has another hash than its entry ${last.entry}`;
  if (last.body.revision > snapshot.revision)
    return `is at revision ${snapshot.revision}, its history at ${last.body.revision}`;
  if (statusAfter(last.body.change, last.body.result !== null || snapshot.status === "completed") !== snapshot.status) {
    return `is ${snapshot.status}, unlike its entry ${last.entry}`;
  }
  for (const { entry, body } of history) {
    if (body.command !== null && receipts[body.command]?.[0] !== body.revision)
      return `lacks the receipt of its entry ${entry}`;
  }
  const commands = history.filter(({ body }) => body.command !== null).length;
  return Object.keys(receipts).length === commands ? null : "has a receipt without an entry";
}

function brokenEntry(history: readonly HistoryEntry[], session: string): string | null {
  let hash: Uint8Array | null = null;
  let revision = 0;
  for (const [index, { entry, hash: kept, body }] of history.entries()) {
    if (entry !== index + 1 || body.entry !== entry || body.session !== session) return `lacks entry ${index + 1}`;
    hash = chainHash(hash, body);
    if (!sameBytes(hash, kept)) return `has an entry ${entry} that was changed`;
    if (body.revision <= revision) return `has an entry ${entry} that goes back to revision ${body.revision}`;
    if (index < history.length - 1 && body.change.kind === "end") return `goes on after its end at entry ${entry}`;
    revision = body.revision;
  }
  return null;
}

function statusAfter(change: Change, completed: boolean): Status {
  if (change.kind === "end") return change.status;
  return change.kind === "submit" && completed ? "completed" : "active";
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}
