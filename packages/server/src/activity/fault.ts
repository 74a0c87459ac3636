import { SessionsError } from "@sessions/core/internal";
import { databaseFault, isTimedOut } from "../postgres/errors.ts";

/** An error of the database as a fault that holds nothing of the driver's text. */
export function faultOf(error: unknown): SessionsError {
  if (isTimedOut(error))
    return new SessionsError("database_unreachable", "A statement took too long.", { cause: error });
  const fault = databaseFault(error);
  if (fault === undefined) return new SessionsError("internal", "In the keeping of activities.", { cause: error });
  if (fault.code !== "database_not_migrated") return fault;
  return new SessionsError(fault.code, "Run activity.migrate() once before serving.");
}
