import { sql, type Kysely, type Transaction } from "kysely";
import type { HistoryBody, HistoryEntry } from "../stored.ts";
import type { Tables } from "./tables.ts";

type Executor = Kysely<Tables> | Transaction<Tables>;

/** An entry's columns, to be selected from a statement that returned `owner_id` and `id`. */
export function historyRow({ entry, hash, body, text }: HistoryEntry) {
  return [
    sql.ref<string>("owner_id").as("owner_id"),
    sql.ref<string>("id").as("session_id"),
    sql<number>`${entry}::integer`.as("entry"),
    sql<number>`${body.revision}::integer`.as("revision"),
    sql<never>`${body.at}::timestamptz`.as("at"),
    sql<never>`${text}::json`.as("body"),
    sql<Uint8Array>`${hash}::bytea`.as("hash"),
  ] as const;
}

export async function insertHistory(db: Executor, owner: string, given: HistoryEntry): Promise<void> {
  const { entry, hash, body, text } = given;
  await db
    .insertInto("session_event")
    .values({
      owner_id: owner,
      session_id: body.session,
      entry,
      revision: body.revision,
      at: body.at,
      body: text,
      hash,
    })
    .execute();
}

/** A session's history, from its start. */
export async function loadHistory(db: Executor, owner: string, session: string): Promise<readonly HistoryEntry[]> {
  const rows = await db
    .selectFrom("session_event")
    .select(["entry", "hash", sql<string>`body::text`.as("text")])
    .where("owner_id", "=", owner)
    .where("session_id", "=", session)
    .orderBy("entry")
    .execute();
  // The body was written by this package, as HistoryBody.
  return rows.map((row) => ({ ...row, body: JSON.parse(row.text) as HistoryBody }));
}
