import { sql, type Kysely } from "kysely";
import { defineMigrations } from "../../postgres/migrations.ts";
import { createOwnerTables, type NamedInSchema } from "../../postgres/tables.ts";

/** The migrations of the tables of activities. */
export const activityMigrations = defineMigrations({
  table: "activity_migration",
  runBy: "activity.migrate()",
  steps: {
    "0001_activity": [createOwnerTables, createEventTable, createSessionTables],
    "0002_counted_events": [addCounted],
  },
});

async function createEventTable(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  const table = named("activity_event");
  // The moment is also in the id. So one id always comes to one partition, where it can stand only once.
  await sql`
    create table ${table} (
      owner_id text collate "C" not null,
      at timestamptz not null,
      id uuid not null,
      name text collate "C" not null,
      data json not null,
      received_at timestamptz not null,
      xid xid8 not null default pg_current_xact_id(),
      primary key (owner_id, at, id)
    ) partition by range (at)`.execute(db);
  await sql`create index activity_event_xid on ${table} (xid)`.execute(db);
}

async function createSessionTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  const spanColumns = sql`
      owner_id text collate "C" not null,
      activity text collate "C" not null,
      started_at timestamptz not null,
      last_at timestamptz not null,
      events integer not null,
      counts json not null`;
  // A later event changes no column that an index has, and each page has free space: such updates stay heap-only.
  await sql`
    create table ${named("activity_session")} (
      ${spanColumns},
      sweep_bucket timestamptz not null,
      primary key (owner_id, activity, started_at)
    ) with (fillfactor = 50)`.execute(db);
  await sql`
    create index activity_session_sweep_bucket on ${named("activity_session")} (activity, sweep_bucket)`.execute(db);
  await sql`
    create table ${named("activity_session_archive")} (
      ${spanColumns},
      primary key (owner_id, activity, started_at)
    ) partition by range (started_at)`.execute(db);
  await sql`
    create table ${named("activity_late")} (
      owner_id text collate "C" not null,
      activity text collate "C" not null,
      day date not null,
      events integer not null,
      primary key (owner_id, activity, day)
    )`.execute(db);
  await sql`
    create table ${named("activity_definition")} (
      activity text collate "C" primary key,
      rules json not null,
      closed_before timestamptz not null
    )`.execute(db);
}

async function addCounted(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`alter table ${named("activity_event")} add column counted boolean not null default false`.execute(db);
}
