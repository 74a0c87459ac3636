import type { Generated, Kysely } from "kysely";
import type { ActivityTables } from "../../activity/rows/tables.ts";
import type { Tables } from "../../flows/rows/tables.ts";
import type { TimeColumn } from "../../postgres/values.ts";
import type { ProjectionTables } from "../../projections/rows/tables.ts";
import type { SignInTables } from "../../sign-in/rows/tables.ts";

/** What an operator did through the dashboard. */
export type AuditedAction = "read_typed" | "end_sign_in" | "end_all_sign_ins" | "retry_entry" | "skip_entry";

export interface DashboardAuditTable {
  id: Generated<string>;
  at: TimeColumn;
  operator: string;
  action: AuditedAction;
  owner_id: string;
  /** The id of the session or the sign-in, or the projection with its session and entry; null for all sign-ins of the owner. */
  subject: string | null;
  /** As the operator wrote it; null for an action that asks for none. */
  reason: string | null;
}

export interface DashboardTables extends Tables, SignInTables, ProjectionTables, ActivityTables {
  dashboard_audit: DashboardAuditTable;
}

/** The database that the pages read. */
export interface DashboardSource {
  /** Each statement names the schema of its tables. */
  readonly db: Kysely<DashboardTables>;
  readonly schema: string;
}
