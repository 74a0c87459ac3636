import { sql, type Kysely } from "kysely";
import { Migrator, type Migration } from "kysely/migration";
import { SessionsError } from "@sessions/core/internal";
import { findCluster } from "./citus/cluster.ts";
import { distributeTables, listUndistributed } from "./citus/distribution.ts";
import type { DatabaseKind } from "./database.ts";
import type { DistributionKeys, NamedInSchema, OwnerTables } from "./tables.ts";

/** The migrations of one part of the server. */
export interface Migrations {
  /** The table in which Kysely's Migrator records the migrations that have run. It is in the configured schema. */
  readonly table: string;
  /** The function that an application calls to run them, for messages. */
  readonly runBy: string;
  /** The tables that a distributed Postgres spreads over its workers. Default: none, so that all are on its coordinator. */
  readonly distributed?: DistributionKeys;
  /** They run in the order of their names. */
  readonly steps: Record<string, Migration>;
}

/** A part of a step. It creates or changes tables. */
type Change = (db: Kysely<unknown>, named: NamedInSchema) => Promise<void>;

/** The migrations of one part of the server, for any schema. The changes of a step run in their order. */
export function defineMigrations({
  steps,
  ...names
}: Omit<Migrations, "steps"> & { readonly steps: Readonly<Record<string, readonly Change[]>> }) {
  return (schema: string): Migrations => {
    const named: NamedInSchema = (name) => sql.table(`${schema}.${name}`);
    const migrationOf = (changes: readonly Change[]): Migration => ({
      up: async (db) => {
        for (const change of changes) await change(db, named);
      },
    });
    const migrations = Object.entries(steps).map(([name, changes]) => [name, migrationOf(changes)]);
    return { ...names, steps: Object.fromEntries(migrations) };
  };
}

function migratorOf(db: Kysely<OwnerTables>, schema: string, { table, steps }: Migrations): Migrator {
  return new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(steps) },
    migrationTableSchema: schema,
    migrationTableName: table,
    migrationLockTableName: `${table}_lock`,
  });
}

export interface MigrateOptions {
  /** Default `"postgres"`. */
  readonly kind?: DatabaseKind;
  /** Called with the name of each table that was distributed. */
  readonly onDistributed?: ((table: string) => void) | undefined;
}

/** Brings the schema up to date. Safe from many nodes at once: the Migrator holds a lock. */
export async function migrate(
  db: Kysely<OwnerTables>,
  schema: string,
  migrations: Migrations,
  { kind = "postgres", onDistributed }: MigrateOptions = {},
): Promise<void> {
  // A worker says here where its coordinator is, before anything is made.
  await findCluster(db);
  await checkNotNewer(db, schema, migrations);
  const { error } = await migratorOf(db, schema, migrations).migrateToLatest();
  if (error !== undefined) throw error;
  const { distributed: keys } = migrations;
  if (kind === "citus" && keys !== undefined) await distributeTables(db, { schema, keys, onDistributed });
}

/**
 * Checks that this version can work on the schema as it is.
 *
 * @throws {SessionsError} `database_not_migrated`, `database_newer`, or `configuration_invalid` on a Citus cluster that is
 *   not used as one.
 */
export async function checkMigrated(
  db: Kysely<OwnerTables>,
  schema: string,
  migrations: Migrations,
  { kind = "postgres" }: Pick<MigrateOptions, "kind"> = {},
): Promise<void> {
  const cluster = await findCluster(db);
  const missing = await missingMigrations(db, schema, migrations);
  if (missing.length > 0) {
    throw new SessionsError(
      "database_not_migrated",
      `Schema "${schema}" lacks ${missing.join(", ")}. Run ${migrations.runBy} once before serving.`,
    );
  }
  if (cluster !== undefined && kind !== "citus") await checkUndistributed(db, schema, migrations);
}

/** A node that sends the statements of one PostgreSQL fails on distributed tables. The other way round, each statement works. */
async function checkUndistributed(db: Kysely<OwnerTables>, schema: string, { distributed = {} }: Migrations) {
  const tables = Object.keys(distributed);
  if ((await listUndistributed(db, schema, tables)).length === tables.length) return;
  throw new SessionsError(
    "configuration_invalid",
    'The tables are distributed by Citus: give `databaseKind: "citus"`.',
  );
}

/**
 * The migrations that have not run, in their order.
 *
 * @throws {SessionsError} `database_newer`.
 */
export async function missingMigrations(
  db: Kysely<OwnerTables>,
  schema: string,
  migrations: Migrations,
): Promise<readonly string[]> {
  const done = await checkNotNewer(db, schema, migrations);
  return Object.keys(migrations.steps).filter((name) => !done.includes(name));
}

async function checkNotNewer(
  db: Kysely<OwnerTables>,
  schema: string,
  { table, steps }: Migrations,
): Promise<readonly string[]> {
  const { rows: tables } = await sql`
    select 1 from information_schema.tables
    where table_schema = ${schema} and table_name = ${table}`.execute(db);
  if (tables.length === 0) return [];
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(`${schema}.${table}`)}`.execute(db);
  const known = Object.keys(steps);
  const unknown = rows.map(({ name }) => name).filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new SessionsError(
      "database_newer",
      `Schema "${schema}" has ${unknown.join(", ")}, which this version does not know. Update @sessions/server.`,
    );
  }
  return rows.map(({ name }) => name);
}
