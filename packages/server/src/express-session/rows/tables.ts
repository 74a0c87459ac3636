import type { OwnerTables } from "../../postgres/tables.ts";
import type { BytesColumn, TimeColumn } from "../../postgres/values.ts";

/** The column types of `web_session`. */
export interface WebSessionTable {
  /** Separates stores that share a database. */
  namespace: string;
  /** The SHA-256 of the session's id. The id itself is in no table. */
  id: BytesColumn;
  /** JSON as text, so that it is read as it was written. */
  data: string;
  /** A random number, new with each change of `data`. */
  version: number;
  expires_at: TimeColumn;
  /** An hour in which the sweep looks at the row: not after the hour of `expires_at`. */
  sweep_bucket: TimeColumn;
  /** The MD5 of the same session in the table that is adopted, as it was when the two were last equal. */
  adopted: string | null;
}

/** A task that one node does at a time. */
export interface LeaseTable {
  task: string;
  holder: string;
  until: TimeColumn;
}

export interface WebSessionTables extends OwnerTables {
  web_session: WebSessionTable;
  web_session_lease: LeaseTable;
}
