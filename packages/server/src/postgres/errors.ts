import { SessionsError } from "@sessions/core/internal";
import { connectionProblem } from "./connection/connection-problem.ts";

/** The five-character SQLSTATE of a Postgres error, or the system's code of a connection error. */
export function errorCode(error: unknown): string | undefined {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Whether the same transaction may succeed if it runs again: a serialization failure or a deadlock. */
export function isTransient(error: unknown): boolean {
  return ["40001", "40P01"].includes(errorCode(error) ?? "");
}

/** Whether Postgres stopped a statement because it took too long, for example while it waited for a lock. */
export function isTimedOut(error: unknown): boolean {
  return ["57014", "55P03"].includes(errorCode(error) ?? "");
}

/**
 * Whether the written data caused the error, and would cause it again: Postgres cannot hold the data, a constraint
 * refuses it, or the transaction has already failed.
 */
export function isDataError(error: unknown): boolean {
  return /^(22|23|P0)[0-9A-Z]{3}$|^25P02$/.test(errorCode(error) ?? "");
}

/**
 * Turns a database error into a fault. The fault does not hold the driver's text, which may quote what a person typed.
 * Undefined for an error that did not come from the database.
 */
export function databaseFault(error: unknown): SessionsError | undefined {
  if (error instanceof SessionsError) return error;
  if (error instanceof AggregateError) return databaseFault(error.errors[0]);
  const code = errorCode(error);
  const problem = error instanceof Error ? connectionProblem(code, error.message) : undefined;
  if (problem !== undefined) {
    return new SessionsError(code === "42501" ? "database_failed" : "database_unreachable", problem, {
      cause: connectionCause(error),
    });
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

/** What was done when an error came. */
export interface ErrorSource {
  /** The detail of an error that did not come from the database. Default: the name of the error. */
  readonly where?: string;
  /** The call that makes the tables: `signIns.migrate()`. Default: the call that the fault names. */
  readonly migrate?: string;
}

/** Turns any error into a fault. Its message does not hold the driver's text, which may quote what a person typed. */
export function faultFrom(error: unknown, { where = nameOf(error), migrate }: ErrorSource = {}): SessionsError {
  if (isTimedOut(error)) {
    return new SessionsError("database_unreachable", "A statement took too long.", { cause: error });
  }
  const fault = databaseFault(error) ?? new SessionsError("internal", where, { cause: error });
  return migrate !== undefined && fault.code === "database_not_migrated"
    ? new SessionsError(fault.code, `Run ${migrate} once before serving.`)
    : fault;
}

/** The name of an error: its message may quote what a person typed. */
export function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** The address that was tried, for the operator. The message, which a client is told too, does not hold it. */
function connectionCause(error: unknown): Error | undefined {
  const { code, address, port } = error as { code?: unknown; address?: unknown; port?: unknown };
  const tried = typeof address === "string" && typeof port === "number";
  return tried ? new Error(`${String(code)} ${address}:${port}`) : undefined;
}

/** Runs work, and throws the fault of the database for an error of the driver. */
export async function translateErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw databaseFault(error) ?? error;
  }
}
