import { SessionsError } from "@sessions/core/internal";
import { faultFrom } from "../../../postgres/errors.ts";
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
    throw signInFault(error);
  }
}

export function signInFault(error: unknown): SessionsError {
  return faultFrom(error, { where: "In the keeping of sign-ins.", migrate: "signIns.migrate()" });
}
