import type { Status } from "@sessions/core/internal";
import type { ErasureTables } from "../../erasure/tables.ts";
import type { BytesColumn, JsonColumn, TimeColumn, TransactionIdColumn } from "../../postgres/values.ts";

interface SessionColumns {
  owner_id: string;
  id: string;
  flow: string;
  version: number;
  revision: number;
  state: JsonColumn;
  /** What of the session is secret, encrypted; null if nothing is. */
  sealed: BytesColumn | null;
  receipts: BytesColumn;
  /** The number of the newest history entry. */
  entry: number;
  /** That entry's hash. */
  hash: BytesColumn;
}

export interface SessionTable extends SessionColumns {
  expires_at: TimeColumn;
  /** The hour of `expires_at`. The sweep finds due sessions by it. */
  expires_bucket: TimeColumn;
}

export interface SessionArchiveTable extends SessionColumns {
  status: Exclude<Status, "active">;
  ended_at: TimeColumn;
}

export interface SessionEventTable {
  owner_id: string;
  session_id: string;
  entry: number;
  revision: number;
  at: TimeColumn;
  /** What stays of the entry when its content is erased. */
  body: JsonColumn;
  /** The content, if it is clear. */
  content: JsonColumn | null;
  /** The content, if it is encrypted. */
  sealed: BytesColumn | null;
  hash: BytesColumn;
  /** The transaction that wrote the row. Projections find new rows by it. */
  xid: TransactionIdColumn;
}

/** The tables of sessions, beside those of their owners. */
export interface Tables extends ErasureTables {
  session: SessionTable;
  session_archive: SessionArchiveTable;
  session_event: SessionEventTable;
}

/** The tables that have a partition for each month. */
export const partitionedTables = ["session_archive", "session_event"] as const;
