import type { ServerResponse } from "node:http";
import type { AnyTRPCRouter } from "@trpc/server";
import { SessionsError } from "@sessions/core/internal";
import { Answers, type AnswersOptions } from "./answers.ts";
import type { Request } from "./body.ts";
import { callsOf, proceduresOf } from "./calls.ts";

export interface LaneOptions extends AnswersOptions {
  /** The most calls of a batch. A larger batch is left to tRPC's own handler: give both the same number. Default: any. */
  readonly maxBatchSize?: number;
}

/**
 * Answers a request if it calls the procedures of the lane, and gives true. Else it calls `next`, and gives false: tRPC's
 * own handler answers then. It is a middleware of Express, and stands before tRPC's handler in a server of Node.
 */
export type Lane = (request: Request, response: ServerResponse, next?: () => void) => Promise<boolean>;

/**
 * Makes a shorter way through HTTP to the procedures of `part`. It answers as tRPC's own handler does, and does without
 * what that builds for each request. Every request of another form is left to tRPC.
 *
 * @throws {SessionsError} `configuration_invalid` if `router` does not hold `part`.
 */
export function createLane(part: AnyTRPCRouter, { maxBatchSize = Infinity, ...options }: LaneOptions): Lane {
  const procedures = proceduresOf(options.router, part);
  if (procedures.size === 0) {
    throw new SessionsError(
      "configuration_invalid",
      "`router` is the application's router, which holds that of the sessions.",
    );
  }
  const answers = new Answers(options);
  return async (request, response, next) => {
    const calls = callsOf(request, procedures, maxBatchSize);
    if (calls === undefined) {
      next?.();
      return false;
    }
    await answers.answer(request, response, calls);
    return true;
  };
}
