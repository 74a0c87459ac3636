import { SessionsError } from "@sessions/core/internal";
import { databaseFault, isTimedOut } from "../../../postgres/errors.ts";
import { withTimeLimit } from "../../../time-limit.ts";

/**
 * The answer of the database within a time. A fault holds nothing of the driver's text.
 *
 * @throws {SessionsError} `database_unreachable` if it takes longer.
 */
export async function withDatabaseLimit<T>(timeMs: number, work: () => Promise<T>): Promise<T> {
  try {
    return await withTimeLimit(timeMs, work(), () => {
      throw new SessionsError("database_unreachable", `It did not answer within ${timeMs} ms.`);
    });
  } catch (error) {
    throw toFault(error);
  }
}

export function toFault(error: unknown): SessionsError {
  if (isTimedOut(error))
    return new SessionsError("database_unreachable", "A statement took too long.", { cause: error });
  const fault = databaseFault(error);
  if (fault === undefined) return new SessionsError("internal", "In the keeping of sign-ins.", { cause: error });
  if (fault.code !== "database_not_migrated") return fault;
  return new SessionsError(fault.code, "Run signIns.migrate() once before serving.");
}
