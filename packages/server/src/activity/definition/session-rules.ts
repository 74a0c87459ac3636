import type { Counters } from "./counter-states.ts";

/** The rules by which events become activity sessions. */
export interface SessionRules {
  /** Two neighbouring events are of one activity session if they are no further apart than this, in milliseconds. */
  readonly gapMs: number;
  /** An activity session that would last longer than this is cut, in milliseconds. */
  readonly atMostMs: number;
  readonly counters: Counters;
}
