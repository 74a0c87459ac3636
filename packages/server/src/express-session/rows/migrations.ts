import { sql, type Kysely } from "kysely";
import { defineMigrations } from "../../postgres/migrations.ts";
import type { NamedInSchema } from "../../postgres/tables.ts";

/** The migrations of the tables of web sessions. */
export const webSessionMigrations = defineMigrations({
  table: "web_session_migration",
  runBy: "`sessions migrate --express-session`",
  steps: { "0001_web_sessions": [createTables] },
});

async function createTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  // Writes stay heap-only: no index is on a column that they change, and each page has free space.
  await sql`
    create table ${named("web_session")} (
      namespace text collate "C" not null,
      id bytea not null,
      data text not null,
      version bigint not null,
      expires_at timestamptz not null,
      sweep_bucket timestamptz not null,
      adopted text,
      primary key (namespace, id)
    ) with (fillfactor = 50)`.execute(db);
  await sql`create index web_session_sweep_bucket on ${named("web_session")} (sweep_bucket)`.execute(db);
  await sql`
    create table ${named("web_session_lease")} (
      task text collate "C" primary key,
      holder text not null,
      until timestamptz not null
    )`.execute(db);
}
