import { backoffMs, type Environment } from "../environment.ts";
import type { Connection } from "./connection.ts";
import { BLOCKED_TRIES, isRefused } from "./http/answer.ts";

/** The attempts at one call that is repeated until it succeeds. */
export interface Attempts {
  /** Whether the router, or a program before it, has refused the last attempts for their content. */
  areBlocked(): boolean;
  /** Returns how long to wait before the next attempt, in milliseconds. */
  failed(error: unknown): number;
  succeeded(): void;
}

export function createAttempts(connection: Connection, environment: Environment): Attempts {
  // Both in a row.
  let failures = 0;
  let refusals = 0;

  return {
    areBlocked: () => refusals >= BLOCKED_TRIES,
    failed(error) {
      failures += 1;
      refusals = isRefused(error, !connection.state.up) ? refusals + 1 : 0;
      return backoffMs(failures, environment);
    },
    succeeded() {
      failures = refusals = 0;
    },
  };
}
