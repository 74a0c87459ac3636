import type { Command, Refusal } from "@sessions/core/internal";
import { backoffMs, TimeoutError, type Environment } from "../../environment.ts";
import type { Api } from "../api.ts";
import type { Batch } from "./batch.ts";
import type { Bisection } from "./bisection.ts";
import { answerOf, isBlocking, type Answer } from "../http/answer.ts";
import type { PushSize } from "./push-size.ts";
import type { Replies } from "./replies.ts";

/** After so many failures of one command alone, a minute or more, a proxy's 500 or 429 is no bad moment any more. */
const STUBBORN_FAILURES = 8;

/** So many failures in a row may be a bad moment. After them the pusher looks for the command that fails. */
const BAD_MOMENTS = 2;

/** The longest time, in milliseconds, for which the pusher obeys a server's `retry-after`. */
const LONGEST_WISH_MS = 300_000;

/** Decides how to go on after a failed push: a pause, smaller pushes, the search for the command that fails, or its refusal. */
export interface PushFailures {
  /** How long to wait before the next push, in milliseconds. */
  after(error: unknown, batch: Batch): Promise<number>;
  /** A push got through, or may get through now: the failures before it do not count any more. */
  reset(): void;
}

export function createPushFailures(
  api: Pick<Api, "push" | "receipt">,
  environment: Environment,
  bisection: Bisection,
  size: PushSize,
  apply: Replies["apply"],
): PushFailures {
  // In a row.
  let failures = 0;

  /** The refusal of a command that fails alone and always in the same way; undefined while the answer may change. */
  function refusalOf({ session }: Command, answer: Answer, bytes: number): Refusal | undefined {
    const { status } = answer;
    if (status === 413) return { code: "too_large", atMost: bytes - 1 };
    const alone = bisection.failuresOf(session);
    const isBlocked = isBlocking(answer) ? alone > BAD_MOMENTS : !answer.isRouters && alone >= STUBBORN_FAILURES;
    return isBlocked ? { code: "blocked", status } : undefined;
  }

  /** Whether an empty push is let in, and the server has no receipt of the command: a proxy may keep the replies alone from the page. */
  async function isRefusedAlone({ session, id }: Command): Promise<boolean> {
    try {
      await api.push([]);
      return (await api.receipt({ session, command: id })).outcome === null;
    } catch {
      return false;
    }
  }

  return {
    async after(error, { commands, bytes }) {
      const answer = answerOf(error);
      const isLate = error instanceof TimeoutError;
      const isTooLarge = answer?.status === 413;
      failures += 1;

      const wishMs = Math.min(answer?.retryAfterMs ?? 0, LONGEST_WISH_MS);
      // If the session is known to fail by itself, the wish says nothing about the others.
      const isAlone = bisection.isAlone(commands);
      if (wishMs > 0 && !isAlone && failures <= BAD_MOMENTS) return wishMs;
      if ((isLate || isTooLarge) && commands.length > 1 && size.reduce(bytes, isTooLarge))
        return isLate ? backoffMs(failures, environment) : 0;
      const isAnswered = answer !== undefined && answer.status !== 429;
      if (!isAnswered && wishMs === 0 && failures <= BAD_MOMENTS) return backoffMs(failures, environment);

      const command = bisection.narrow(commands, wishMs);
      const refusal = command && answer && refusalOf(command, answer, bytes);
      if (refusal && (isTooLarge || (await isRefusedAlone(command)))) {
        failures = 0;
        bisection.release(command.session);
        apply([command], { outcomes: [{ status: "refused", refusal }], snapshots: [] });
      }
      if (wishMs > 0 && !isAlone) return wishMs;
      // Sessions that are not among the suspects go on.
      if (failures > BAD_MOMENTS) bisection.rest(backoffMs(failures - BAD_MOMENTS, environment));
      return 0;
    },
    reset() {
      failures = 0;
    },
  };
}
