import { refusedOutcome, type Outcome } from "@sessions/core/internal";
import { QueueFullError } from "../../postgres/committer.ts";
import { TurnTimedOutError } from "../../postgres/connection/keyed-queue.ts";
import { isTimedOut } from "../../postgres/errors.ts";
import type { Decision } from "./decision.ts";

/** When a client may send a refused push again, in milliseconds. */
export const RETRY_AFTER_MS = 1_000;

/** The decision on a command that the server has no time for: refused as busy. It has changed nothing. */
export const busyDecisionFor = (retryAfterMs: number): Decision => ({
  outcome: refusedOutcome({ code: "busy", retryAfterMs }),
  stored: null,
});
export const busyDecision = busyDecisionFor(RETRY_AFTER_MS);

export function isBusy(outcome: Outcome): boolean {
  return outcome.status === "refused" && outcome.refusal.code === "busy";
}

/**
 * Whether load caused an error, and nothing was written: the queue was full, the owner's turn did not come in time, or
 * another transaction did not release its lock in time.
 */
export function isOverload(error: unknown): boolean {
  return error instanceof QueueFullError || error instanceof TurnTimedOutError || isTimedOut(error);
}
