import { sql, type Kysely } from "kysely";
import type { Migrations } from "../../postgres/migrations.ts";

/** The migrations of the tables and views of funnels. */
export function funnelMigrations(schema: string): Migrations {
  return {
    table: "funnel_migration",
    runBy: "funnels.migrate()",
    steps: {
      "0001_funnels": {
        up: async (db) => {
          await sql`create schema if not exists ${sql.id(schema)}`.execute(db);
          await createTables(db, schema);
          await createViews(db, schema);
        },
      },
    },
  };
}

async function createTables(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.table(`${schema}.${name}`);
  const place = sql`
      flow text collate "C" not null,
      version integer not null,
      month date not null,
      step text collate "C" not null`;
  await sql`
    create table ${table("funnel_session")} (
      session_id uuid primary key,
      owner_id text collate "C" not null,
      state json not null
    ) with (fillfactor = 50)`.execute(db);
  // Each batch changes a few of these rows again and again. No index is on what it changes.
  await sql`
    create table ${table("funnel_count")} (
      ${place},
      counted text collate "C" not null,
      n bigint not null,
      took_ms bigint not null,
      primary key (flow, version, month, step, counted)
    ) with (fillfactor = 50)`.execute(db);
  await sql`
    create table ${table("funnel_duration")} (
      ${place},
      below_s bigint not null,
      n bigint not null,
      primary key (flow, version, month, step, below_s)
    ) with (fillfactor = 50)`.execute(db);
}

/** The shape of these views is documented in docs/funnels.md. */
async function createViews(db: Kysely<unknown>, schema: string): Promise<void> {
  const name = (view: string) => sql.table(`${schema}.${view}`);
  const n = (counted: string) =>
    sql`coalesce(sum(n) filter (where counted = ${sql.lit(counted)}), 0)::bigint as ${sql.ref(counted)}`;
  const seconds = (counted: string) =>
    sql`coalesce(sum(took_ms) filter (where counted = ${sql.lit(counted)}), 0) / 1000.0 as seconds`;
  const columns = (counted: readonly string[]) => sql.join(counted.map(n), sql`, `);
  await sql`
    create view ${name("funnel_steps")} as
    select flow, version, month, step,
      ${columns(["entered", "submitted", "corrected", "cancelled", "expired", "lifted_out"])}, ${seconds("submitted")}
    from ${name("funnel_count")} where step <> '' group by flow, version, month, step`.execute(db);
  await sql`
    create view ${name("funnel_sessions")} as
    select flow, version, month,
      ${columns(["started", "lifted_in", "lifted_out", "completed", "completed_elsewhere", "cancelled", "expired"])},
      ${seconds("completed")}
    from ${name("funnel_count")} where step = '' group by flow, version, month`.execute(db);
  await sql`
    create view ${name("funnel_durations")} as
    select flow, version, month, nullif(step, '') as step, below_s, n from ${name("funnel_duration")}`.execute(db);
}
