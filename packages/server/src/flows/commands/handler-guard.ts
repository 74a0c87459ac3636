import { HandlerFailedError } from "@sessions/core/internal";
import { errorCode, isTransient } from "../../postgres/errors.ts";
import { withTimeLimit } from "../../time-limit.ts";

/** Runs a handler. A serialization failure or a lost connection is the database's fault, and is thrown as it is. */
export async function runGuarded(run: () => unknown, where: string, timeMs: number): Promise<unknown> {
  const startMs = performance.now();
  const throwTimedOut = (): never => {
    const why = `${where} was not done within ${timeMs} ms, and is rolled back.`;
    const likely =
      "Send its statements through `tx`: one that asks the pool for another connection may wait for those that handlers hold.";
    throw new HandlerFailedError("handler_timed_out", `${why} ${likely}`);
  };
  const running = async () => {
    try {
      return await run();
    } catch (cause) {
      if (isTransient(cause) || /^(08...|57P0.)$/.test(errorCode(cause) ?? "")) throw cause;
      // Postgres cancels the handler's statement after the same time, and its error may come first.
      if (errorCode(cause) === "57014" && performance.now() - startMs >= timeMs) return throwTimedOut();
      throw new HandlerFailedError("handler_failed", `${where} threw.`, { cause });
    }
  };
  return withTimeLimit(timeMs, running(), throwTimedOut);
}
