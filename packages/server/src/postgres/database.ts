import {
  Kysely,
  PGliteDialect,
  PostgresDialect,
  type Dialect,
  type PGliteDialectConfig,
  type PostgresPool,
} from "kysely";
import { SessionsError } from "@sessions/core";
import { withOwnSettings, type OwnSettingsOptions } from "./connection/own-settings.ts";
import { connectionProblem } from "./connection/connection-problem.ts";
import { preparing } from "./connection/prepared.ts";
import { survivingPool } from "./connection/surviving-pool.ts";
import type { Tables } from "./tables.ts";

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
export function kyselyOver(
  database: Database,
  prepare?: { readonly schema: string },
  options?: OwnSettingsOptions,
): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: withOwnSettings(dialectOf(database, prepare), options) });
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
      const pool = survivingPool(database);
      return new PostgresDialect({ pool: prepare ? preparing(pool, prepare.schema) : pool });
    }
  }
  throw new SessionsError(
    "configuration_invalid",
    "`database` is a pg Pool, a PGlite or a Kysely dialect for Postgres: not a Kysely, but the dialect that it was made with; not postgres.js itself, but `new PostgresJSDialect({ postgres })`.",
  );
}

/** The five-character SQLSTATE of a Postgres error, or the system's code of a connection error. */
export function errorCode(error: unknown): string | undefined {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Whether running the same transaction again may succeed: serialization failure or deadlock. */
export function isTransient(error: unknown): boolean {
  return ["40001", "40P01"].includes(errorCode(error) ?? "");
}

/** Whether Postgres gave a statement up for taking too long, such as in waiting for a lock. */
export function isTimedOut(error: unknown): boolean {
  return ["57014", "55P03"].includes(errorCode(error) ?? "");
}

/** Whether what was written is to blame, and would be again: data that cannot be, a constraint, a failed transaction. */
export function isDataError(error: unknown): boolean {
  return /^(22|23|P0)[0-9A-Z]{3}$|^25P02$/.test(errorCode(error) ?? "");
}

/**
 * A database error as a fault without the driver's text, which may quote what a person typed.
 * Undefined for an error that did not come from the database.
 */
export function databaseFault(error: unknown): SessionsError | undefined {
  if (error instanceof SessionsError) return error;
  if (error instanceof AggregateError) return databaseFault(error.errors[0]);
  const code = errorCode(error);
  const problem = error instanceof Error ? connectionProblem(code, error.message) : undefined;
  if (problem !== undefined) {
    return new SessionsError(code === "42501" ? "database_failed" : "database_unreachable", problem);
  }
  if (code === undefined) return undefined;
  if (code === "42P01" || code === "3F000") {
    return new SessionsError("database_not_migrated", "Run sessions.migrate() once before serving.");
  }
  if (code === "25006") {
    return new SessionsError(
      "database_unreachable",
      "The database takes no writes (25006): it may be a replica. Give `database` the primary's address.",
    );
  }
  return /^[0-9A-Z]{5}$/.test(code)
    ? new SessionsError("database_failed", `The database refused a statement, SQLSTATE ${code}.`)
    : undefined;
}
