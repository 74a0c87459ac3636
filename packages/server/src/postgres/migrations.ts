import { sql, type Kysely } from "kysely";
import { Migrator, type Migration } from "kysely/migration";
import { SessionsError } from "@sessions/core";
import type { Tables } from "./tables.ts";

/** The table in which Kysely's Migrator notes what has run; in the configured schema. */
const MIGRATION_TABLE = "migration";

/** The migrations of the given schema, by name; Kysely runs them in the order of their names. */
export function migrationsOf(schema: string): Record<string, Migration> {
  return { "0001_sessions": { up: (db) => createTables(db, schema) } };
}

async function createTables(db: Kysely<unknown>, schema: string): Promise<void> {
  const table = (name: string) => sql.table(`${schema}.${name}`);
  // No index on a column that commands change, and room left in each page: updates stay heap-only.
  await sql`
    create table ${table("session")} (
      owner_id text collate "C" not null,
      id uuid not null,
      flow text not null,
      version integer not null,
      revision integer not null,
      state json not null,
      receipts bytea not null,
      entry integer not null,
      hash bytea not null,
      expires_at timestamptz not null,
      expires_bucket timestamptz not null,
      primary key (owner_id, id)
    ) with (fillfactor = 20, toast_tuple_target = 4080)`.execute(db);
  await sql`create index session_expires_bucket on ${table("session")} (expires_bucket)`.execute(db);

  await sql`
    create table ${table("session_archive")} (
      owner_id text collate "C" not null,
      id uuid not null,
      flow text not null,
      version integer not null,
      revision integer not null,
      status text not null,
      state json not null,
      receipts bytea not null,
      entry integer not null,
      hash bytea not null,
      ended_at timestamptz not null,
      primary key (owner_id, id, ended_at)
    ) partition by range (ended_at)`.execute(db);
  await sql`
    create index session_archive_ended on ${table("session_archive")} (owner_id, ended_at, id)`.execute(db);
  await sql`
    create index session_archive_completed on ${table("session_archive")} (owner_id, flow, ended_at)
    where status = 'completed'`.execute(db);

  await sql`
    create table ${table("session_event")} (
      owner_id text collate "C" not null,
      session_id uuid not null,
      entry integer not null,
      revision integer not null,
      at timestamptz not null,
      body json not null,
      hash bytea not null,
      primary key (owner_id, session_id, entry, at)
    ) partition by range (at)`.execute(db);

  await sql`
    create table ${table("owner")} (
      owner_id text collate "C" primary key,
      created_at timestamptz not null,
      revocation_epoch integer not null default 0
    )`.execute(db);
  await sql`
    create table ${table("device")} (
      owner_id text collate "C" not null,
      id uuid not null,
      name text not null,
      first_seen_at timestamptz not null,
      last_seen_at timestamptz not null,
      primary key (owner_id, id)
    )`.execute(db);
}

function migratorOf(db: Kysely<Tables>, schema: string, migrations: Record<string, Migration>): Migrator {
  return new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(migrations) },
    migrationTableSchema: schema,
    migrationTableName: MIGRATION_TABLE,
    migrationLockTableName: `${MIGRATION_TABLE}_lock`,
  });
}

/** Brings the schema up to date. Safe from many nodes at once: the Migrator holds a lock. */
export async function migrate(
  db: Kysely<Tables>,
  schema: string,
  migrations: Record<string, Migration> = migrationsOf(schema),
): Promise<void> {
  await checkNotNewer(db, schema, migrations);
  const { error } = await migratorOf(db, schema, migrations).migrateToLatest();
  if (error !== undefined) throw error;
}

/**
 * Whether this version can work on the schema as it is.
 *
 * @throws {SessionsError} `database_not_migrated` or `database_newer`.
 */
export async function checkMigrated(db: Kysely<Tables>, schema: string): Promise<void> {
  const missing = await missingMigrations(db, schema);
  if (missing.length > 0) {
    throw new SessionsError(
      "database_not_migrated",
      `Schema "${schema}" lacks ${missing.join(", ")}. Run sessions.migrate() once before serving.`,
    );
  }
}

/**
 * The migrations that have not run, in their order.
 *
 * @throws {SessionsError} `database_newer`.
 */
export async function missingMigrations(db: Kysely<Tables>, schema: string): Promise<readonly string[]> {
  const migrations = migrationsOf(schema);
  const done = await checkNotNewer(db, schema, migrations);
  return Object.keys(migrations).filter((name) => !done.includes(name));
}

async function checkNotNewer(
  db: Kysely<Tables>,
  schema: string,
  migrations: Record<string, Migration>,
): Promise<readonly string[]> {
  const { rows: tables } = await sql`
    select 1 from information_schema.tables
    where table_schema = ${schema} and table_name = ${MIGRATION_TABLE}`.execute(db);
  if (tables.length === 0) return [];
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(`${schema}.${MIGRATION_TABLE}`)}`.execute(
    db,
  );
  const known = Object.keys(migrations);
  const unknown = rows.map(({ name }) => name).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new SessionsError(
      "database_newer",
      `Schema "${schema}" has ${unknown.join(", ")}, which this version does not know. Update @sessions/server.`,
    );
  }
  return rows.map(({ name }) => name);
}
