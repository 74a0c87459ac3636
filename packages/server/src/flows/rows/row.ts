import { sql } from "kysely";
import type { Stored } from "./stored.ts";
import type { State } from "./tables.ts";
import { bytesOf } from "../../postgres/values.ts";

/**
 * The columns that the tables of active and of archived sessions share. Each name is one lower-case word, so that no driver
 * that renames columns changes it. A name of a column is used only for that column as it is.
 */
export const columns = [
  sql<string>`id::text`.as("session"),
  "flow",
  "version",
  "revision",
  sql<string>`state::text`.as("json"),
  sql<string>`encode(receipts, 'hex')`.as("receiptbytes"),
  "entry",
  sql<string>`encode(hash, 'hex')`.as("hashbytes"),
] as const;

/** The columns themselves that {@link columns} read. */
export const kept = ["id", "flow", "version", "revision", "state", "receipts", "entry", "hash"] as const;

/** The revision of a session. */
export interface Revision {
  readonly id: string;
  readonly revision: number;
}

export const revisionColumns = [sql<string>`id::text`.as("session"), "revision"] as const;

export function revisionOf({ session, revision }: Pick<Row, "session" | "revision">): Revision {
  return { id: session, revision: Number(revision) };
}

/** The owner of a row, for a query over many owners. */
export const ownerColumn = sql<string>`owner_id`.as("owner");

export interface Row {
  readonly session: string;
  readonly flow: string;
  readonly version: number;
  readonly revision: number;
  readonly json: string;
  readonly receiptbytes: string;
  readonly entry: number;
  readonly hashbytes: string;
}

export function fromRow(row: Row): Stored {
  const { session: id, flow } = row;
  // Written by this package, as State.
  const state = JSON.parse(row.json) as State;
  const [version, revision, entry] = [Number(row.version), Number(row.revision), Number(row.entry)];
  return {
    snapshot: { id, flow, version, revision, ...state },
    receipts: bytesOf(row.receiptbytes),
    entry,
    hash: bytesOf(row.hashbytes),
  };
}
