import { sql } from "kysely";
import { storedStateOf, type StoredSession } from "./stored-session.ts";
import type { StoredState } from "./tables.ts";
import { bytes, bytesFromHex, json } from "../../postgres/values.ts";

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
  sql<string>`encode(receipts, 'hex')`.as("receiptbytes"),
  "entry",
  sql<string>`encode(hash, 'hex')`.as("hashbytes"),
] as const;

/** The columns that {@link sessionSelection} reads. Both tables have them. */
export const sessionColumns = ["id", "flow", "version", "revision", "state", "receipts", "entry", "hash"] as const;

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
  readonly receiptbytes: string;
  readonly entry: number;
  readonly hashbytes: string;
}

/** The values of the columns that both tables have, to insert a session. */
export function sessionValues(owner: string, { snapshot, receipts, lastEntry, lastHash }: StoredSession) {
  const { id, flow, version, revision } = snapshot;
  return {
    owner_id: owner,
    id,
    flow,
    version,
    revision,
    state: json(JSON.stringify(storedStateOf(snapshot))),
    receipts: bytes(receipts),
    entry: lastEntry,
    hash: bytes(lastHash),
  };
}

export function sessionFromRow(row: SessionRow): StoredSession {
  const { session: id, flow } = row;
  // Written by this package, as StoredState.
  const state = JSON.parse(row.json) as StoredState;
  const [version, revision, entry] = [Number(row.version), Number(row.revision), Number(row.entry)];
  return {
    snapshot: { id, flow, version, revision, ...state },
    receipts: bytesFromHex(row.receiptbytes),
    lastEntry: entry,
    lastHash: bytesFromHex(row.hashbytes),
  };
}
