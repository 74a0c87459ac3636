import { sql, type Kysely } from "kysely";
import type { Migrations } from "../../postgres/migrations.ts";
import { createOwnerTables } from "../../postgres/tables.ts";

/** The migrations of the tables of activities. */
export function activityMigrations(schema: string): Migrations {
  return {
    table: "activity_migration",
    runBy: "activity.migrate()",
    steps: {
      "0001_activity": {
        up: async (db) => {
          await createOwnerTables(db, schema);
          await createEventTable(db, schema);
          await createSessionTables(db, schema);
        },
      },
    },
  };
}

async function createEventTable(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = sql.table(`${schema}.activity_event`);
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

async function createSessionTables(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.table(`${schema}.${name}`);
  const spanColumns = sql`
      owner_id text collate "C" not null,
      activity text collate "C" not null,
      started_at timestamptz not null,
      last_at timestamptz not null,
      events integer not null,
      counts json not null`;
  // A later event changes no column that an index has, and each page has free space: such updates stay heap-only.
  await sql`
    create table ${table("activity_session")} (
      ${spanColumns},
      sweep_bucket timestamptz not null,
      primary key (owner_id, activity, started_at)
    ) with (fillfactor = 50)`.execute(db);
  await sql`
    create index activity_session_sweep_bucket on ${table("activity_session")} (activity, sweep_bucket)`.execute(db);
  await sql`
    create table ${table("activity_session_archive")} (
      ${spanColumns},
      primary key (owner_id, activity, started_at)
    ) partition by range (started_at)`.execute(db);
  await sql`
    create table ${table("activity_late")} (
      owner_id text collate "C" not null,
      activity text collate "C" not null,
      day date not null,
      events integer not null,
      primary key (owner_id, activity, day)
    )`.execute(db);
  await sql`
    create table ${table("activity_definition")} (
      activity text collate "C" primary key,
      rules json not null,
      closed_before timestamptz not null
    )`.execute(db);
}
