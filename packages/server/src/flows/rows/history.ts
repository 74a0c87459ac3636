import { sql, type Kysely } from "kysely";
import type { HistoryBody, HistoryEntry } from "./stored-session.ts";
import type { Tables } from "./tables.ts";
import { bytes, bytesFromHex, json, time } from "../../postgres/values.ts";

/** An entry's columns, to be selected from a statement that returned `owner_id` and `id`. */
export function historySelection({ number, hash, body, text }: HistoryEntry) {
  return [
    sql.ref<string>("owner_id").as("owner_id"),
    sql.ref<string>("id").as("session_id"),
    sql<number>`${number}::integer`.as("entry"),
    sql<number>`${body.revision}::integer`.as("revision"),
    time(body.at).as("at"),
    json(text).as("body"),
    bytes(hash).as("hash"),
  ] as const;
}

export function insertHistoryEntry(db: Kysely<Tables>, owner: string, entry: HistoryEntry): Promise<void> {
  return insertHistoryEntries(db, owner, [entry]);
}

/** Inserts entries of different sessions. */
export async function insertHistoryEntries(
  db: Kysely<Tables>,
  owner: string,
  entries: readonly HistoryEntry[],
): Promise<void> {
  await db
    .insertInto("session_event")
    .values(
      entries.map(({ number, hash, body, text }) => ({
        owner_id: owner,
        session_id: body.session,
        entry: number,
        revision: body.revision,
        at: time(body.at),
        body: json(text),
        hash: bytes(hash),
      })),
    )
    .execute();
}

/** A session's history, from its start. */
export async function loadHistory(
  db: Kysely<Tables>,
  owner: string,
  session: string,
): Promise<readonly HistoryEntry[]> {
  const rows = await db
    .selectFrom("session_event")
    .select(["entry", sql<string>`encode(hash, 'hex')`.as("hashbytes"), sql<string>`body::text`.as("json")])
    .where("owner_id", "=", owner)
    .where("session_id", "=", session)
    .orderBy("entry")
    .execute();
  // The body was written by this package, as HistoryBody.
  return rows.map(({ entry, hashbytes, json: text }) => ({
    number: Number(entry),
    hash: bytesFromHex(hashbytes),
    body: JSON.parse(text) as HistoryBody,
    text,
  }));
}
