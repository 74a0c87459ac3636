import type { Status } from "@sessions/core/internal";

/** An entry of a session's history, as far as a funnel looks at it. */
export interface FunnelEntry {
  readonly owner: string;
  readonly session: string;
  readonly flow: string;
  /** The flow's version after this entry. */
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** The id of the device that made it. */
  readonly device: string;
  /** The session's status after this entry. */
  readonly status: Status;
  /** The step at which the session stands after this entry; null if it has ended. */
  readonly current: string | null;
  /** The step that was submitted. */
  readonly submitted: string | null;
  /** When the first draft of that step came, since the session came to it. Null if none came. */
  readonly draftedMs: number | null;
  /** If the entry lifted the session to a later version of its flow: its submitted steps before this entry, by their names there. */
  readonly liftedSteps: readonly string[] | null;
}

/** What a funnel remembers of a session that is under way. */
export interface OpenSession {
  /** The flow's version now. */
  readonly version: number;
  /** The month in which the session began, in UTC: "2026-11". */
  readonly month: string;
  readonly startedMs: number;
  /** The id of the device on which it began. */
  readonly device: string;
  /** The step at which it stands. */
  readonly current: string;
  /** The steps to which it came in this version, and when for the first time, in milliseconds since 1970. */
  readonly enteredMs: { readonly [step: string]: number };
  /** The steps that were submitted in this version. */
  readonly submitted: readonly string[];
}

/** What is counted. A session that was cancelled, expired, or lifted to another version left its flow at one step. */
export type Counted =
  | "started"
  | "lifted_in"
  | "completed"
  | "completed_elsewhere"
  | "entered"
  | "submitted"
  | "drafted"
  | "typed"
  | "corrected"
  | "cancelled"
  | "expired"
  | "lifted_out";

/** One more of something, for a step, or with `step` null for the session as a whole. */
export interface Count {
  readonly version: number;
  readonly step: string | null;
  readonly counted: Counted;
  /**
   * How long it took, in milliseconds. With `submitted`: since the session came to the step. It is the sum of two others,
   * if a draft came: `drafted` has the time before the first draft, and `typed` the time after it. With `completed`: since
   * the beginning.
   */
  readonly tookMs: number | null;
}

/**
 * Applies an entry to the state of its session. Gives the state after it, null once the session has ended, and the counts
 * that the entry adds to the month in which the session began.
 *
 * A step is entered once, however often the session comes back to it. Each submission of it after the first is a
 * correction. So a correction adds nobody to a step, and a step that the path leaves out loses nobody.
 */
export function foldEntry(
  before: OpenSession | null,
  entry: FunnelEntry,
): { readonly after: OpenSession | null; readonly month: string; readonly counts: readonly Count[] } {
  const counts: Count[] = [];
  const { atMs, version, status, current, submitted: step, draftedMs, liftedSteps } = entry;
  const count = (
    counted: Counted,
    of: { step?: string | null; version?: number; sinceMs?: number; untilMs?: number } = {},
  ) => {
    const tookMs = of.sinceMs === undefined ? null : Math.max(0, (of.untilMs ?? atMs) - of.sinceMs);
    counts.push({ version: of.version ?? version, step: of.step ?? null, counted, tookMs });
  };
  let known = before ?? begun(entry);
  const { month } = known;
  if (before === null) count("started");

  if (status === "cancelled" || status === "expired") {
    count(status, { version: known.version });
    count(status, { version: known.version, step: known.current });
    return { after: null, month, counts };
  }

  if (liftedSteps !== null) {
    count("lifted_out", { version: known.version });
    count("lifted_out", { version: known.version, step: known.current });
    count("lifted_in");
    const enteredMs = Object.fromEntries(liftedSteps.map((name) => [name, atMs]));
    known = { ...known, version, submitted: liftedSteps, enteredMs };
  }

  const enter = (name: string) => {
    if (Object.hasOwn(known.enteredMs, name)) return;
    count("entered", { step: name });
    known = { ...known, enteredMs: { ...known.enteredMs, [name]: atMs } };
  };

  if (step !== null) {
    enter(step);
    const isFirst = !known.submitted.includes(step);
    const sinceMs = known.enteredMs[step]!;
    count(isFirst ? "submitted" : "corrected", { step, ...(isFirst && { sinceMs }) });
    if (isFirst && draftedMs !== null) {
      // Clocks of nodes differ. Together the two are the time of the step.
      const firstMs = Math.min(Math.max(draftedMs, sinceMs), Math.max(atMs, sinceMs));
      count("drafted", { step, sinceMs, untilMs: firstMs });
      count("typed", { step, sinceMs: firstMs });
    }
    known = { ...known, submitted: [...new Set([...known.submitted, step])] };
  }
  if (current === null) {
    count("completed", { sinceMs: known.startedMs });
    if (entry.device !== known.device) count("completed_elsewhere");
    return { after: null, month, counts };
  }
  enter(current);
  return { after: { ...known, current }, month, counts };
}

function begun({ version, atMs, device }: FunnelEntry): OpenSession {
  const month = new Date(atMs).toISOString().slice(0, 7);
  return { version, month, startedMs: atMs, device, current: "", enteredMs: {}, submitted: [] };
}
