import { sql } from "kysely";
import { clearCipher, type OwnerCipher } from "../../secrets/owner-cipher.ts";
import { generationOf } from "../../secrets/sealed.ts";
import { bytes, bytesFromHex, json } from "../../postgres/values.ts";
import { decodeState, encodeState } from "./session-state.ts";
import type { StoredSession } from "./stored-session.ts";

/**
 * The columns that a query selects to read a session, from the table of active or of archived sessions. Each name is one lower-case
 * word, so that no driver that renames columns changes it. A name of a column is used only for that column as it is.
 */
export const sessionSelection = [
  sql<string>`id::text`.as("session"),
  "flow",
  "version",
  "revision",
  sql<string>`state::text`.as("json"),
  sql<string | null>`encode(sealed, 'hex')`.as("sealedbytes"),
  sql<string>`encode(receipts, 'hex')`.as("receiptbytes"),
  "entry",
  sql<string>`encode(hash, 'hex')`.as("hashbytes"),
] as const;

/** The columns that {@link sessionSelection} reads. Both tables have them. */
export const sessionColumns = [
  "id",
  "flow",
  "version",
  "revision",
  "state",
  "sealed",
  "receipts",
  "entry",
  "hash",
] as const;

/** The id of a session, and its revision. */
export interface SessionRevision {
  readonly id: string;
  readonly revision: number;
}

export const revisionSelection = [sql<string>`id::text`.as("session"), "revision"] as const;

export function revisionFromRow({ session, revision }: Pick<SessionRow, "session" | "revision">): SessionRevision {
  return { id: session, revision: Number(revision) };
}

/** The owner of a row, for a query over many owners. */
export const ownerSelection = sql<string>`owner_id`.as("owner");

/** A row, as {@link sessionSelection} reads it. */
export interface SessionRow {
  readonly session: string;
  readonly flow: string;
  readonly version: number;
  readonly revision: number;
  readonly json: string;
  readonly sealedbytes: string | null;
  readonly receiptbytes: string;
  readonly entry: number;
  readonly hashbytes: string;
}

/**
 * The cipher of an owner, which opens values of this generation of the owner's keys. Within a transaction it is one
 * that is there already: a look for keys would need another connection.
 */
export type CipherOf = (owner: string, generation?: number) => OwnerCipher | Promise<OwnerCipher>;

/** The values of the columns that both tables have, to insert a session. */
export function sessionValues(owner: string, stored: StoredSession, cipher: OwnerCipher) {
  const { snapshot, receipts, lastEntry, lastHash } = stored;
  const { id, flow, version, revision } = snapshot;
  const { state, sealed } = encodeState(cipher, stored);
  return {
    owner_id: owner,
    id,
    flow,
    version,
    revision,
    state: json(state),
    sealed: sealed && bytes(sealed),
    receipts: bytes(receipts),
    entry: lastEntry,
    hash: bytes(lastHash),
  };
}

/**
 * The session of a row. Only a row with a sealed value asks for the owner's cipher.
 *
 * @throws {SessionsError} `sealed_invalid`, and what `cipherOf` throws.
 */
export async function sessionFromRow(cipherOf: CipherOf, owner: string, row: SessionRow): Promise<StoredSession> {
  const { session: id, flow } = row;
  const [version, revision, entry] = [Number(row.version), Number(row.revision), Number(row.entry)];
  const sealed = row.sealedbytes === null ? null : bytesFromHex(row.sealedbytes);
  const cipher = sealed === null ? clearCipher : await cipherOf(owner, generationOf(sealed));
  return {
    ...decodeState(cipher, { id, flow, version, revision }, { state: row.json, sealed }),
    receipts: bytesFromHex(row.receiptbytes),
    lastEntry: entry,
    lastHash: bytesFromHex(row.hashbytes),
  };
}
