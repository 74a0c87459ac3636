import { sql, type Kysely } from "kysely";
import type { Migrations } from "../../postgres/migrations.ts";

/** The migrations of the dashboard's own table. */
export function dashboardMigrations(schema: string): Migrations {
  return {
    table: "dashboard_migration",
    runBy: "dashboard.migrate()",
    steps: { "0001_dashboard": { up: (db) => createAuditTable(db, schema) } },
  };
}

async function createAuditTable(db: Kysely<unknown>, schema: string): Promise<void> {
  await sql`
    create table ${sql.table(`${schema}.dashboard_audit`)} (
      id bigint generated always as identity primary key,
      at timestamptz not null,
      operator text not null,
      action text not null,
      owner_id text collate "C" not null,
      subject text,
      reason text
    )`.execute(db);
}
