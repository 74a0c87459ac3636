import { SessionsError } from "@sessions/core/internal";
import { withTimeLimit } from "../time-limit.ts";

export interface ShutdownParts {
  /** The requests that are under way. */
  readonly inFlight: ReadonlySet<Promise<unknown>>;
  readonly stopSweeping: () => Promise<void>;
  /** Counts that are not in the database yet. */
  readonly refusals: { write(): Promise<void> };
  readonly relay: { close(): Promise<void> } | undefined;
  readonly report: (fault: SessionsError) => void;
}

/**
 * Waits for the requests that are under way, the sweep, the counts and the relay. A handler or the network may hang, and a process that
 * is told to stop has to stop: so it waits for `closeMs` milliseconds at most, and reports the requests that it gives up.
 */
export async function closeWithin(
  closeMs: number,
  { inFlight, stopSweeping, refusals, relay, report }: ShutdownParts,
): Promise<void> {
  const ending = async () => {
    while (inFlight.size > 0) await Promise.allSettled(inFlight);
    await stopSweeping();
    await refusals.write();
    await relay?.close();
    return true;
  };
  if (await withTimeLimit(closeMs, ending(), () => false)) return;
  const detail = `After ${closeMs} ms ${inFlight.size} requests were still under way, and are given up.`;
  report(new SessionsError("closed", detail));
}
