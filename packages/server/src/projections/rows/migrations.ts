import { sql, type Kysely } from "kysely";
import { defineMigrations } from "../../postgres/migrations.ts";
import { createOwnerTables, type NamedInSchema } from "../../postgres/tables.ts";

/** The migrations of the tables of projections. */
export const projectionMigrations = defineMigrations({
  table: "projection_migration",
  runBy: "projections.migrate()",
  steps: {
    "0001_projections": [createOwnerTables, createProjectionTables],
    "0002_ended_streams": [addEndedStreams],
    "0003_waiting_streams": [addWaitingStreams],
    "0004_audit_by_time": [addAuditIndex],
  },
});

async function createProjectionTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`
    create table ${named("projection")} (
      name text collate "C" primary key,
      live integer not null,
      source_table text not null,
      source_at text not null,
      tables text
    )`.execute(db);
  // Every step changes a row of these two. No index is on what it changes, and pages have free space: updates stay heap-only.
  await sql`
    create table ${named("projection_feed")} (
      projection text collate "C" not null,
      build integer not null,
      bucket integer not null,
      buckets integer not null,
      version integer not null,
      holder text,
      fence integer not null,
      beat bigint not null default 0,
      cluster text not null,
      snapshot text not null,
      upto text,
      after text,
      scanning boolean not null,
      is_new boolean not null,
      done bigint not null,
      total bigint not null,
      at timestamptz not null,
      primary key (projection, build, bucket)
    ) with (fillfactor = 10)`.execute(db);
  await sql`
    create table ${named("projection_progress")} (
      projection text collate "C" not null,
      build integer not null,
      owner_id text collate "C" not null,
      stream_id text collate "C" not null,
      applied integer not null,
      waiting boolean not null,
      primary key (projection, build, owner_id, stream_id)
    ) with (fillfactor = 70)`.execute(db);
  await sql`
    create table ${named("projection_fault")} (
      projection text collate "C" not null,
      build integer not null,
      owner_id text collate "C" not null,
      stream_id text collate "C" not null,
      bucket integer not null,
      number integer not null,
      tries integer not null,
      error text not null,
      code text,
      line text,
      since timestamptz not null,
      next_at timestamptz,
      primary key (projection, build, owner_id, stream_id)
    )`.execute(db);
  await sql`
    create index projection_fault_next_at on ${named("projection_fault")} (projection, build, next_at)
    where next_at is not null`.execute(db);
  await sql`
    create table ${named("projection_audit")} (
      id uuid primary key,
      projection text collate "C" not null,
      build integer not null,
      owner_id text collate "C" not null,
      stream_id text collate "C" not null,
      number integer not null,
      action text not null,
      who text not null,
      why text not null,
      at timestamptz not null
    )`.execute(db);
}

async function addEndedStreams(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`
    alter table ${named("projection_feed")}
      add column retired_before timestamptz, add column retired bigint not null default 0`.execute(db);
  await sql`alter table ${named("projection_progress")} add column ended_at timestamptz`.execute(db);
  // Only the last change of a row changes this column: all others stay heap-only.
  await sql`
    create index projection_progress_ended_at on ${named("projection_progress")} (projection, build, ended_at)
    where ended_at is not null`.execute(db);
}

async function addWaitingStreams(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`
    alter table ${named("projection_fault")}
      add column snapshot text, add column upto text, add column after text, add column scanning boolean,
      add column place text`.execute(db);
}

async function addAuditIndex(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  await sql`create index projection_audit_at on ${named("projection_audit")} (at)`.execute(db);
}
