import { Kysely, PostgresDialect, type Dialect, type PostgresPool } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { withFixedSettings, type FixedSettingsOptions } from "./connection/fixed-settings.ts";
import { pgliteDialect, type PGlite } from "./connection/pglite.ts";
import { withPreparedStatements } from "./connection/prepared-statements.ts";
import { withClientErrorListeners } from "./connection/client-errors.ts";
import type { OwnerTables } from "./tables.ts";

/** A `pg` Pool, a PGlite, or any Kysely dialect for Postgres. */
export type Database = PostgresPool | PGlite | Dialect;

/**
 * The kind of Postgres. It decides how statements are sent: one PostgreSQL gets the writes of many sessions in one
 * statement, and the others get statements for each owner. A distributed one gets statements that one worker can run.
 */
export type DatabaseKind = "postgres" | "citus" | "pglite";

export function databaseKindOf(database: Database): DatabaseKind {
  return "waitReady" in database ? "pglite" : "postgres";
}

/**
 * Kysely over the application's database. The application closes that database. With `prepare`, the connections of a pool
 * prepare the statements on the tables of this schema.
 */
export function createKysely<Tables extends OwnerTables>(
  database: Database,
  prepare?: { readonly schema: string },
  options?: FixedSettingsOptions,
): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: withFixedSettings(dialectOf(database, prepare), options) });
}

/** How many connections a database may have. If it does not say, the default of the drivers. */
export function poolSizeOf(database: Database): number {
  if ("waitReady" in database) return 1;
  const max = "connect" in database ? (database.options as { readonly max?: unknown } | undefined)?.max : undefined;
  return typeof max === "number" ? max : 10;
}

function dialectOf(database: Database, prepare: { readonly schema: string } | undefined): Dialect {
  if (typeof database === "object" && database !== null) {
    if ("createDriver" in database) return database;
    if ("waitReady" in database) return pgliteDialect(database);
    if ("connect" in database) {
      const pool = withClientErrorListeners(database);
      return new PostgresDialect({ pool: prepare ? withPreparedStatements(pool, prepare.schema) : pool });
    }
  }
  throw new SessionsError(
    "configuration_invalid",
    "`database` is a pg Pool, a PGlite or a Kysely dialect for Postgres: not a Kysely, but the dialect that it was made with; not postgres.js itself, but `new PostgresJSDialect({ postgres })`.",
  );
}
