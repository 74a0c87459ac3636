import type { ColumnType, Generated, RawBuilder } from "kysely";
import type { OwnerTables } from "../../postgres/tables.ts";
import type { TimeColumn } from "../../postgres/values.ts";

/** A projection, and which of its builds is live. */
export interface ProjectionTable {
  name: string;
  /** The build that the application reads: the first one from its beginning, a later one once it has read everything. */
  live: number;
  /** The table of its source, and the column of it with the time of a row. */
  source_table: string;
  source_at: string;
  /** The tables that a build fills, as JSON; null if it cannot be rebuilt. */
  tables: string | null;
}

/** One part of a build: what it has read, and the node that works on it. */
export interface ProjectionFeedTable {
  projection: string;
  build: number;
  bucket: number;
  /** Of how many buckets of the build. */
  buckets: number;
  /** The version of the handler that fills the build. */
  version: number;
  /** The node that holds the lease; null if none does. */
  holder: string | null;
  /** It is raised whenever the lease changes hands. A node with an older one writes nothing. */
  fence: number;
  /** It is raised while the holder lives. */
  beat: Generated<string>;
  /** The cluster that the position belongs to: `system_identifier`. */
  cluster: string;
  /** Rows that are visible in this snapshot have been read; those of a scan, if they come before `after`. */
  snapshot: string;
  /** The snapshot up to which a batch is being read; null between batches. */
  upto: string | null;
  /** The place of the last row that was read of a batch or of a scan, as JSON; null at their start. */
  after: string | null;
  /** Whether it reads all that the source had when the build began, in the order of the key. */
  scanning: boolean;
  /** Whether it has not yet come to the end of its first scan. */
  is_new: boolean;
  /** How many rows the scan has read, and about how many there are. */
  done: string;
  total: string;
  /** When it last applied something. */
  at: TimeColumn;
  /** Each row of the source that was written before this has been read. Null if no progress was deleted yet. */
  retired_before: ColumnType<never, null, RawBuilder<never>>;
  /** How many rows were applied of the streams whose progress was deleted. */
  retired: Generated<string>;
}

/** How far a stream has been applied. */
export interface ProjectionProgressTable {
  projection: string;
  build: number;
  owner_id: string;
  stream_id: string;
  /** The number of the newest row that was applied. */
  applied: number;
  /** Whether the row after it has a fault, and the stream waits. */
  waiting: boolean;
  /** When the last row of the stream was applied; null while more may come. */
  ended_at: ColumnType<never, RawBuilder<never> | null, RawBuilder<never> | null>;
}

/** A stream that waits, because its next row has a fault. */
export interface ProjectionFaultTable {
  projection: string;
  build: number;
  owner_id: string;
  stream_id: string;
  bucket: number;
  /** The number of the row. If the source has none: counted from the first row for which the stream waits. */
  number: number;
  tries: number;
  /** The name of the error, its code, and the line that threw it. Its message may quote what a person typed. */
  error: string;
  code: string | null;
  line: string | null;
  since: TimeColumn;
  /** When it is tried again by itself; null if only an operator's `retry` does it. */
  next_at: TimeColumn | null;
  /** Of a source without numbers: what was read of the stream, as in a feed. Null if the source has numbers. */
  snapshot: string | null;
  upto: string | null;
  after: string | null;
  scanning: ColumnType<boolean | null, RawBuilder<boolean> | null, RawBuilder<boolean> | null>;
  /** The place of the row that failed, as in `after`. Null if it is not known which one it is. */
  place: string | null;
}

/** What operators did about faults. */
export interface ProjectionAuditTable {
  id: string;
  projection: string;
  build: number;
  owner_id: string;
  stream_id: string;
  number: number;
  action: "retry" | "skip";
  who: string;
  why: string;
  at: TimeColumn;
}

export interface ProjectionTables extends OwnerTables {
  projection: ProjectionTable;
  projection_feed: ProjectionFeedTable;
  projection_progress: ProjectionProgressTable;
  projection_fault: ProjectionFaultTable;
  projection_audit: ProjectionAuditTable;
}
