import { sql, type Kysely } from "kysely";
import type { Migrations } from "../../postgres/migrations.ts";

/** The migrations of the tables of web sessions. */
export function webSessionMigrations(schema: string): Migrations {
  return {
    table: "web_session_migration",
    runBy: "`sessions migrate --express-session`",
    steps: { "0001_web_sessions": { up: (db) => createTables(db, schema) } },
  };
}

async function createTables(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.table(`${schema}.${name}`);
  // Writes stay heap-only: no index is on a column that they change, and each page has free space.
  await sql`
    create table ${table("web_session")} (
      namespace text collate "C" not null,
      id bytea not null,
      data text not null,
      version bigint not null,
      expires_at timestamptz not null,
      sweep_bucket timestamptz not null,
      adopted text,
      primary key (namespace, id)
    ) with (fillfactor = 50)`.execute(db);
  await sql`create index web_session_sweep_bucket on ${table("web_session")} (sweep_bucket)`.execute(db);
  await sql`
    create table ${table("web_session_lease")} (
      task text collate "C" primary key,
      holder text not null,
      until timestamptz not null
    )`.execute(db);
}
