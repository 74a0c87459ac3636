import type { Generated } from "kysely";
import type { OwnerTables } from "../../postgres/tables.ts";
import type { JsonColumn, TimeColumn } from "../../postgres/values.ts";

/** The column types of `activity_event`. A row is never changed. */
export interface ActivityEventTable {
  owner_id: string;
  /** The moment of the event, which is also in its id. */
  at: TimeColumn;
  id: string;
  name: string;
  data: JsonColumn;
  /** When a node recorded it. */
  received_at: TimeColumn;
  /** The transaction that wrote it. The feed finds new rows by it. */
  xid: Generated<string>;
}

/** The column types of `activity_session`: pieces of activity sessions that can still change. */
export interface ActivitySessionTable {
  owner_id: string;
  activity: string;
  started_at: TimeColumn;
  last_at: TimeColumn;
  events: number;
  /** The states of the counters. */
  counts: JsonColumn;
  /** A sweep looks at the row when nothing before this full hour changes any more. */
  sweep_bucket: TimeColumn;
}

/** The column types of `activity_session_archive`: whole activity sessions that can change no more. */
export type ActivitySessionArchiveTable = Omit<ActivitySessionTable, "sweep_bucket">;

/** The column types of `activity_late`: how many events of a day came too late for an activity. */
export interface ActivityLateTable {
  owner_id: string;
  activity: string;
  /** The day on which they were recorded, in UTC. */
  day: TimeColumn;
  events: number;
}

/** The column types of `activity_definition`: one row for each activity. */
export interface ActivityDefinitionTable {
  activity: string;
  /** The rules of the activity, so that operators can read its rows. */
  rules: JsonColumn;
  /** Activity sessions whose last event was before this change no more. A sweep moves them to the archive. */
  closed_before: TimeColumn;
}

export interface ActivityTables extends OwnerTables {
  activity_event: ActivityEventTable;
  activity_session: ActivitySessionTable;
  activity_session_archive: ActivitySessionArchiveTable;
  activity_late: ActivityLateTable;
  activity_definition: ActivityDefinitionTable;
}

/** The tables that have a partition for each month. */
export const partitionedTables = ["activity_event", "activity_session_archive"] as const;
