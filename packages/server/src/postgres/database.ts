import {
  Kysely,
  PGliteDialect,
  PostgresDialect,
  type Dialect,
  type PGliteDialectConfig,
  type PostgresPool,
} from "kysely";
import { SessionsError } from "@sessions/core";
import { withFixedSettings, type FixedSettingsOptions } from "./connection/fixed-settings.ts";
import { withPreparedStatements } from "./connection/prepared-statements.ts";
import { withClientErrorListeners } from "./connection/client-errors.ts";
import type { OwnerTables } from "./tables.ts";

type PGlite = Exclude<PGliteDialectConfig["pglite"], undefined | (() => unknown)>;

/** A `pg` Pool, a PGlite, or any Kysely dialect for Postgres. */
export type Database = PostgresPool | PGlite | Dialect;

/**
 * What kind of Postgres it is. Every difference in how statements are sent follows from it: one PostgreSQL gets
 * many sessions' writes in one statement; the others get one-owner statements.
 */
export type EngineKind = "postgres" | "citus" | "pglite";

export function engineKindOf(database: Database): EngineKind {
  return "waitReady" in database ? "pglite" : "postgres";
}

/**
 * Kysely over what the application gave. What it gave stays the application's to close. With `prepare`, a pool's
 * connections prepare the statements on this schema's tables.
 */
export function kyselyOver<Tables extends OwnerTables>(
  database: Database,
  prepare?: { readonly schema: string },
  options?: FixedSettingsOptions,
): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: withFixedSettings(dialectOf(database, prepare), options) });
}

/** How many connections it may have; where it does not say, as many as the drivers have by default. */
export function poolSizeOf(database: Database): number {
  if ("waitReady" in database) return 1;
  const max = "connect" in database ? (database.options as { readonly max?: unknown } | undefined)?.max : undefined;
  return typeof max === "number" ? max : 10;
}

function dialectOf(database: Database, prepare: { readonly schema: string } | undefined): Dialect {
  if (typeof database === "object" && database !== null) {
    if ("createDriver" in database) return database;
    if ("waitReady" in database) return new PGliteDialect({ pglite: database });
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
