import type { OwnerTables } from "../postgres/tables.ts";
import type { TimeColumn, TransactionIdColumn } from "../postgres/values.ts";

/** What stays of an ended session after its owner was erased: limits count it. */
export interface ErasedSessionTable {
  owner_id: string;
  session_id: string;
  flow: string;
  status: string;
  ended_at: TimeColumn;
}

/** That an owner was erased: 1, 2, … if the owner came back and was erased again. */
export interface ErasureTable {
  owner_id: string;
  number: number;
  at: TimeColumn;
  /** The transaction that wrote the row. Projections find new rows by it. */
  xid: TransactionIdColumn;
}

/** That the erasure of an owner has begun, and has not ended. */
export interface ErasureBegunTable {
  owner_id: string;
  at: TimeColumn;
}

export interface ErasureTables extends OwnerTables {
  erased_session: ErasedSessionTable;
  erasure: ErasureTable;
  erasure_begun: ErasureBegunTable;
}
