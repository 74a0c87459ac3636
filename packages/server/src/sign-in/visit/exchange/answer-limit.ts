import { SessionsError } from "@sessions/core/internal";
import { faultFrom } from "../../../postgres/errors.ts";
import { withTimeLimit } from "../../../time-limit.ts";
import { VisitError } from "./visit-error.ts";

/** How long a request waits for the database before it is told to try again, in milliseconds. */
export const REQUEST_WAIT_MS = 2_000;

/** After this time a sign-in does not begin any more: the request is about to be told that it has not. In milliseconds. */
export const GIVE_UP_MS = 1_800;

/**
 * The keeper's answer within a time. A fault is reported, and becomes an error that holds no text of a driver.
 *
 * @throws {VisitError} `unavailable` if the database does not answer.
 * @throws {SessionsError} for any other fault.
 */
export async function withAnswerLimit<T>(asked: Promise<T>, report: (fault: SessionsError) => void): Promise<T> {
  try {
    return await withTimeLimit(REQUEST_WAIT_MS, asked, () => {
      throw new SessionsError("database_unreachable", `It did not answer within ${REQUEST_WAIT_MS} ms.`);
    });
  } catch (error) {
    const fault = faultFrom(error);
    if (fault.code !== "closed") report(fault);
    const isAway = fault.code === "database_unreachable" || fault.code === "closed";
    throw isAway ? new VisitError("unavailable", { cause: fault }) : fault;
  }
}
