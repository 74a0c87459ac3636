import { sql, type Kysely } from "kysely";
import { defineMigrations } from "../../postgres/migrations.ts";
import type { NamedInSchema } from "../../postgres/tables.ts";

/** The migrations of the tables and views of funnels. */
export const funnelMigrations = defineMigrations({
  table: "funnel_migration",
  runBy: "funnels.migrate()",
  steps: { "0001_funnels": [createTables, createViews], "0002_drafted": [addDrafted] },
});

async function createTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  const place = sql`
      flow text collate "C" not null,
      version integer not null,
      month date not null,
      step text collate "C" not null`;
  await sql`
    create table ${named("funnel_session")} (
      session_id uuid primary key,
      owner_id text collate "C" not null,
      state json not null
    ) with (fillfactor = 50)`.execute(db);
  // Each batch changes a few of these rows again and again. No index is on what it changes.
  await sql`
    create table ${named("funnel_count")} (
      ${place},
      counted text collate "C" not null,
      n bigint not null,
      took_ms bigint not null,
      primary key (flow, version, month, step, counted)
    ) with (fillfactor = 50)`.execute(db);
  await sql`
    create table ${named("funnel_duration")} (
      ${place},
      below_s bigint not null,
      n bigint not null,
      primary key (flow, version, month, step, below_s)
    ) with (fillfactor = 50)`.execute(db);
}

const n = (counted: string) =>
  sql`coalesce(sum(n) filter (where counted = ${sql.lit(counted)}), 0)::bigint as ${sql.ref(counted)}`;
const seconds = (counted: string, name: string) =>
  sql`coalesce(sum(took_ms) filter (where counted = ${sql.lit(counted)}), 0) / 1000.0 as ${sql.ref(name)}`;
const columns = (counted: readonly string[]) => sql.join(counted.map(n), sql`, `);

/** The columns of `funnel_steps` at first. Postgres adds columns to a view at its end alone. */
const stepColumns = sql`
  ${columns(["entered", "submitted", "corrected", "cancelled", "expired", "lifted_out"])}, ${seconds("submitted", "seconds")}`;

/** The shape of these views is documented in docs/building/funnels.md. */
async function createViews(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`
    create view ${named("funnel_steps")} as
    select flow, version, month, step, ${stepColumns}
    from ${named("funnel_count")} where step <> '' group by flow, version, month, step`.execute(db);
  await sql`
    create view ${named("funnel_sessions")} as
    select flow, version, month,
      ${columns(["started", "lifted_in", "lifted_out", "completed", "completed_elsewhere", "cancelled", "expired"])},
      ${seconds("completed", "seconds")}
    from ${named("funnel_count")} where step = '' group by flow, version, month`.execute(db);
  await sql`
    create view ${named("funnel_durations")} as
    select flow, version, month, nullif(step, '') as step, below_s, n from ${named("funnel_duration")}`.execute(db);
}

async function addDrafted(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`
    create or replace view ${named("funnel_steps")} as
    select flow, version, month, step, ${stepColumns},
      ${n("drafted")}, ${seconds("drafted", "seconds_before")}, ${seconds("typed", "seconds_typing")}
    from ${named("funnel_count")} where step <> '' group by flow, version, month, step`.execute(db);
}
