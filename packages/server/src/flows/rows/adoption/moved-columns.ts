import type { ErasureTables } from "../../../erasure/tables.ts";
import type { OwnerTables } from "../../../postgres/tables.ts";
import type { Tables } from "../tables.ts";

/** What a column of a moved row holds: the visitor's value, or a value of this statement. The owner is always given. */
type MovedColumns<Row> = Readonly<Record<Exclude<keyof Row, "owner_id">, "kept" | "given">>;

/** Every column of the tables that move. A column that is missing here does not compile: its values would be lost. */
export const movedColumns = {
  session: {
    id: "kept",
    flow: "kept",
    version: "kept",
    revision: "given",
    state: "kept",
    sealed: "kept",
    receipts: "kept",
    entry: "given",
    hash: "given",
    expires_at: "kept",
    expires_bucket: "kept",
  },
  session_archive: {
    id: "kept",
    flow: "kept",
    version: "kept",
    revision: "kept",
    state: "kept",
    sealed: "kept",
    receipts: "kept",
    entry: "kept",
    hash: "kept",
    status: "kept",
    ended_at: "kept",
  },
  session_event: {
    session_id: "kept",
    entry: "kept",
    revision: "kept",
    at: "kept",
    body: "kept",
    content: "kept",
    sealed: "kept",
    hash: "kept",
    // The rows are new: a projection finds them by this transaction, and knows by their numbers what it has applied.
    xid: "given",
  },
  device: { id: "kept", name: "kept", first_seen_at: "kept", last_seen_at: "kept" },
} as const satisfies { readonly [Name in Exclude<keyof Tables, StayingTable>]: MovedColumns<Tables[Name]> };

/** The tables whose rows stay the visitor's. */
type StayingTable = "owner" | "owner_key" | keyof Omit<ErasureTables, keyof OwnerTables>;

type MovedTable = keyof typeof movedColumns;

/** The names of the columns that keep the visitor's values. */
export function keptColumns<Name extends MovedTable>(table: Name) {
  const columns: Readonly<Record<string, "kept" | "given">> = movedColumns[table];
  // The names of a literal object are its keys.
  return Object.keys(columns).filter((name) => columns[name] === "kept") as (keyof (typeof movedColumns)[Name])[];
}
