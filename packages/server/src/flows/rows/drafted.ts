import { progressOf, type AnyFlow, type Command, type HistoryChange, type Snapshot } from "@sessions/core/internal";

/** The step at which a session stands, and when its first draft came since the session came to it, by the server's clock as ISO 8601. */
export interface Drafted {
  readonly step: string;
  readonly at: string;
}

/**
 * What is known of the drafts of the step at which a session stands after a change, and what was known before it. Only the
 * first draft of a step needs the path of the flow.
 */
export function draftedAfter(
  before: Drafted | null,
  snapshot: Snapshot,
  change: HistoryChange | null,
  by: Command | null,
  flow: AnyFlow | null,
): Drafted | null {
  // A lift may give its name to another step.
  const known = change?.lifted ? null : before;
  const isCurrent = (step: string) => flow !== null && step === currentStepOf(flow, snapshot);
  if (by?.kind === "draft") {
    if (known?.step === by.step || !isCurrent(by.step)) return known;
    return { step: by.step, at: snapshot.updatedAt };
  }
  const submitted = change?.kind === "submit" ? change.step : null;
  return known !== null && known.step !== submitted && isCurrent(known.step) ? known : null;
}

/** The step at which a session stands. Null if it has ended, or if its path cannot be computed. */
export function currentStepOf(flow: AnyFlow, { status, data }: Snapshot): string | null {
  try {
    return status === "active" ? progressOf(flow, data).current : null;
  } catch {
    // The flow's own path function threw. The command that needs the path is refused for it.
    return null;
  }
}
