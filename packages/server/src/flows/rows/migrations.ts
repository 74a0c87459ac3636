import { sql, type Kysely } from "kysely";
import { defineMigrations } from "../../postgres/migrations.ts";
import { createOwnerTables, ownerTableKeys, type NamedInSchema } from "../../postgres/tables.ts";

/** The migrations of the sessions' tables. */
export const sessionMigrations = defineMigrations({
  table: "migration",
  runBy: "sessions.migrate()",
  distributed: { ...ownerTableKeys, session: "owner_id", session_archive: "owner_id", session_event: "owner_id" },
  steps: { "0001_sessions": [createSessionTables, createOwnerTables] },
});

async function createSessionTables(db: Kysely<unknown>, named: NamedInSchema): Promise<void> {
  // The columns that active and archived sessions share.
  const sessionColumns = sql`
      owner_id text collate "C" not null,
      id uuid not null,
      flow text not null,
      version integer not null,
      revision integer not null,
      state json not null,
      sealed bytea,
      receipts bytea not null,
      entry integer not null,
      hash bytea not null`;
  // Updates stay heap-only: no index is on a column that commands change, and each page has free space.
  await sql`
    create table ${named("session")} (
      ${sessionColumns},
      expires_at timestamptz not null,
      expires_bucket timestamptz not null,
      primary key (owner_id, id)
    ) with (fillfactor = 20, toast_tuple_target = 4080)`.execute(db);
  await sql`create index session_expires_bucket on ${named("session")} (expires_bucket)`.execute(db);

  await sql`
    create table ${named("session_archive")} (
      ${sessionColumns},
      status text not null,
      ended_at timestamptz not null,
      primary key (owner_id, id, ended_at)
    ) partition by range (ended_at)`.execute(db);
  await sql`
    create index session_archive_ended on ${named("session_archive")} (owner_id, ended_at, id)`.execute(db);
  await sql`
    create index session_archive_completed on ${named("session_archive")} (owner_id, flow, ended_at)
    where status = 'completed'`.execute(db);
  // The dashboard counts the ends of a day, of all owners.
  await sql`create index session_archive_ended_at on ${named("session_archive")} (ended_at, status)`.execute(db);

  await sql`
    create table ${named("session_event")} (
      owner_id text collate "C" not null,
      session_id uuid not null,
      entry integer not null,
      revision integer not null,
      at timestamptz not null,
      body json not null,
      content json,
      sealed bytea,
      hash bytea not null,
      xid xid8 not null default pg_current_xact_id(),
      primary key (owner_id, session_id, entry, at)
    ) partition by range (at)`.execute(db);
  await sql`
    create table ${named("refusal_count")} (
      flow text collate "C" not null,
      version integer not null,
      month date not null,
      step text collate "C" not null,
      code text collate "C" not null,
      n bigint not null,
      primary key (flow, version, month, step, code)
    ) with (fillfactor = 50)`.execute(db);
  // Projections find new entries by the transaction that wrote them.
  await sql`create index session_event_xid on ${named("session_event")} (xid)`.execute(db);
  // The dashboard finds a session by its id alone, and counts those that began in a day: one row a session in each.
  await sql`
    create index session_event_begun on ${named("session_event")} (session_id) where entry = 1`.execute(db);
  await sql`create index session_event_begun_at on ${named("session_event")} (at) where entry = 1`.execute(db);
}
