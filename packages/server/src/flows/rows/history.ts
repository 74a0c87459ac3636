import { sql, type Kysely, type Transaction } from "kysely";
import type { HistoryBody, HistoryEntry } from "./stored.ts";
import type { Tables } from "./tables.ts";
import { bytes, bytesOf, json, time } from "../../postgres/values.ts";

type Executor = Kysely<Tables> | Transaction<Tables>;

/** An entry's columns, to be selected from a statement that returned `owner_id` and `id`. */
export function historyRow({ entry, hash, body, text }: HistoryEntry) {
  return [
    sql.ref<string>("owner_id").as("owner_id"),
    sql.ref<string>("id").as("session_id"),
    sql<number>`${entry}::integer`.as("entry"),
    sql<number>`${body.revision}::integer`.as("revision"),
    time(body.at).as("at"),
    json(text).as("body"),
    bytes(hash).as("hash"),
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
      at: time(body.at),
      body: json(text),
      hash: bytes(hash),
    })
    .execute();
}

/** A session's history, from its start. */
export async function loadHistory(db: Executor, owner: string, session: string): Promise<readonly HistoryEntry[]> {
  const rows = await db
    .selectFrom("session_event")
    .select(["entry", sql<string>`encode(hash, 'hex')`.as("hashbytes"), sql<string>`body::text`.as("json")])
    .where("owner_id", "=", owner)
    .where("session_id", "=", session)
    .orderBy("entry")
    .execute();
  // The body was written by this package, as HistoryBody.
  return rows.map(({ entry, hashbytes, json: text }) => ({
    entry: Number(entry),
    hash: bytesOf(hashbytes),
    body: JSON.parse(text) as HistoryBody,
    text,
  }));
}
