import type { ColumnType, Generated, RawBuilder } from "kysely";
import type { Snapshot, Status } from "@sessions/core";

/** What a snapshot holds beyond its row's columns. */
export type State = Omit<Snapshot, "id" | "flow" | "version" | "revision">;

// Of these nothing is read or written as the driver has it: see values.ts.
type JsonColumn = ColumnType<never, RawBuilder<string>, RawBuilder<string>>;
type TimeColumn = ColumnType<never, RawBuilder<never>, RawBuilder<never>>;
type BytesColumn = ColumnType<never, RawBuilder<string>, RawBuilder<string>>;

interface SessionColumns {
  owner_id: string;
  id: string;
  flow: string;
  version: number;
  revision: number;
  state: JsonColumn;
  receipts: BytesColumn;
  /** The number of the newest history entry. */
  entry: number;
  /** That entry's hash. */
  hash: BytesColumn;
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
  body: JsonColumn;
  hash: BytesColumn;
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
