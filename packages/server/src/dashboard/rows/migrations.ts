import { sql, type Kysely } from "kysely";
import { defineMigrations } from "../../postgres/migrations.ts";
import type { NamedInSchema } from "../../postgres/tables.ts";

/** The migrations of the dashboard's own table. */
export const dashboardMigrations = defineMigrations({
  table: "dashboard_migration",
  runBy: "dashboard.migrate()",
  steps: { "0001_dashboard": [createAuditTable] },
});

async function createAuditTable(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`
    create table ${named("dashboard_audit")} (
      id bigint generated always as identity primary key,
      at timestamptz not null,
      operator text not null,
      action text not null,
      owner_id text collate "C" not null,
      subject text,
      reason text
    )`.execute(db);
}
