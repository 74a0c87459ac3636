import { TRPCError } from "@trpc/server";
import type { SessionsError } from "@sessions/core/internal";
import { TurnTimedOutError } from "../postgres/connection/keyed-queue.ts";
import { faultFrom } from "../postgres/errors.ts";
import { RateLimitedError } from "./reads/limited-reads.ts";
import { TooManyReadsError } from "./reads/read-queue.ts";

/** Turns an error into the answer for the client, and reports it if it is a fault. The answer never quotes a driver's text, which may hold what a person typed. */
export function trpcErrorOf(error: unknown, report: (fault: SessionsError) => void): TRPCError {
  if (error instanceof TRPCError) return error;
  if (error instanceof RateLimitedError) return tooManyRequests("bytes were asked for");
  if (error instanceof TurnTimedOutError || (error instanceof TooManyReadsError && error.isOwners))
    return tooManyRequests("reads wait");
  if (error instanceof TooManyReadsError) {
    return new TRPCError({ code: "SERVICE_UNAVAILABLE", message: "Too many reads wait. Try again later." });
  }
  const fault = faultFrom(error);
  // A node that is closing answers so. That is no fault.
  if (fault.code !== "closed") report(fault);
  const isAway = fault.code === "database_unreachable" || fault.code === "closed";
  return new TRPCError({
    code: isAway ? "SERVICE_UNAVAILABLE" : "INTERNAL_SERVER_ERROR",
    message: fault.message,
    cause: fault,
  });
}

export function tooManyRequests(what: string): TRPCError {
  return new TRPCError({ code: "TOO_MANY_REQUESTS", message: `Too many ${what} for one owner. Try again later.` });
}
