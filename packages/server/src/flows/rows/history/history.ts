import { sql, type Kysely, type RawBuilder } from "kysely";
import { bytes, isoTextOf, json, time } from "../../../postgres/values.ts";
import type { OwnerCipher } from "../../../secrets/owner-cipher.ts";
import type { BegunSession } from "../../../secrets/session-count.ts";
import { decodeEntry, type HistoryEntry } from "./history-entry.ts";
import type { Tables } from "../tables.ts";

/** An entry's columns, to be selected from a statement that returned `owner_id` and `id`. */
export function historySelection({ number, hash, body, text, clear, sealed }: HistoryEntry) {
  return [
    sql.ref<string>("owner_id").as("owner_id"),
    sql.ref<string>("id").as("session_id"),
    sql<number>`${number}::integer`.as("entry"),
    sql<number>`${body.revision}::integer`.as("revision"),
    time(body.at).as("at"),
    json(text).as("body"),
    jsonOrNull(clear).as("content"),
    bytesOrNull(sealed).as("sealed"),
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
    .values(entries.map((entry) => historyValues(owner, entry)))
    .execute();
}

/** The values of an entry's columns, to insert it. */
export function historyValues(owner: string, { number, hash, body, text, clear, sealed }: HistoryEntry) {
  return {
    owner_id: owner,
    session_id: body.session,
    entry: number,
    revision: body.revision,
    at: time(body.at),
    body: json(text),
    content: clear === null ? null : json(clear),
    sealed: sealed === null ? null : bytes(sealed),
    hash: bytes(hash),
  };
}

/**
 * A session's history, from its start.
 *
 * @throws {SessionsError} `sealed_invalid`; `keys_missing` on a node without keys.
 */
export async function loadHistory(
  db: Kysely<Tables>,
  owner: string,
  session: string,
  cipher: OwnerCipher,
): Promise<readonly HistoryEntry[]> {
  const rows = await db
    .selectFrom("session_event")
    .select([
      "entry",
      sql<string>`encode(hash, 'hex')`.as("hashbytes"),
      sql<string>`body::text`.as("json"),
      sql<string | null>`content::text`.as("contenttext"),
      sql<string | null>`encode(sealed, 'hex')`.as("sealedbytes"),
    ])
    .where("owner_id", "=", owner)
    .where("session_id", "=", session)
    .orderBy("entry")
    .execute();
  return rows.map((row) => decodeEntry(cipher, row));
}

/** The next begun sessions of an owner, by id. */
export function listBegun(
  db: Kysely<Tables>,
  owner: string,
  after: string,
  limit: number,
): Promise<readonly BegunSession[]> {
  return selectBegun(db, owner)
    .where(sql<boolean>`session_id > ${after}::uuid`)
    .orderBy("session_id")
    .limit(limit)
    .execute();
}

/** When the sessions of an owner began: the first entries of their histories. */
export function selectBegun(db: Kysely<Tables>, owner: string) {
  return db
    .selectFrom("session_event")
    .select([sql<string>`session_id::text`.as("id"), isoTextOf("at").as("at")])
    .where("owner_id", "=", owner)
    .where("entry", "=", 1);
}

function jsonOrNull(text: string | null): RawBuilder<string | null> {
  return text === null ? sql<null>`null::json` : json(text);
}

function bytesOrNull(value: Uint8Array | null): RawBuilder<string | null> {
  return value === null ? sql<null>`null::bytea` : bytes(value);
}
