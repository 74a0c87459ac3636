import type { ColumnType, Generated } from "kysely";
import type { Snapshot, Status } from "@sessions/core";
import type { Receipts } from "../receipts.ts";

/** What a snapshot holds beyond its row's columns. */
export type State = Omit<Snapshot, "id" | "flow" | "version" | "revision">;

/** Read as a parsed value, written as JSON text. */
type JsonColumn<T> = ColumnType<T, string, string>;
/** Written as ISO text. Never read back: drivers differ in what they make of it, and the state holds it too. */
type TimeColumn = ColumnType<never, string, string>;

interface SessionColumns {
  owner_id: string;
  id: string;
  flow: string;
  version: number;
  revision: number;
  state: JsonColumn<State>;
  receipts: Receipts;
  /** The number of the newest history entry. */
  entry: number;
  /** That entry's hash. */
  hash: Uint8Array;
}

export interface SessionTable extends SessionColumns {
  expires_at: TimeColumn;
  /** The hour of `expires_at`: what the sweep finds due sessions by. */
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
  body: JsonColumn<unknown>;
  hash: Uint8Array;
}

export interface OwnerTable {
  owner_id: string;
  created_at: TimeColumn;
  revocation_epoch: Generated<number>;
}

export interface DeviceTable {
  owner_id: string;
  id: string;
  name: string;
  first_seen_at: TimeColumn;
  last_seen_at: TimeColumn;
}

export interface Tables {
  session: SessionTable;
  session_archive: SessionArchiveTable;
  session_event: SessionEventTable;
  owner: OwnerTable;
  device: DeviceTable;
}
