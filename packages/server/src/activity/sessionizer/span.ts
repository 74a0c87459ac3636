import { mergeStates, statesOfEvent, type CounterStates, type PlacedEvent } from "../definition/counter-states.ts";
import type { SessionRules } from "../definition/session-rules.ts";

/** Some events of one owner, from the first to the last one: an activity session, or a piece of one. */
export interface Span {
  readonly startedMs: number;
  readonly lastMs: number;
  readonly events: number;
  readonly counts: CounterStates;
}

/** The span of a single event. */
export function spanOf({ counters }: SessionRules, event: PlacedEvent): Span {
  return { startedMs: event.atMs, lastMs: event.atMs, events: 1, counts: statesOfEvent(counters, event) };
}

/** One span with the events of both. */
export function mergeSpans({ counters }: SessionRules, a: Span, b: Span): Span {
  return {
    startedMs: Math.min(a.startedMs, b.startedMs),
    lastMs: Math.max(a.lastMs, b.lastMs),
    events: a.events + b.events,
    counts: mergeStates(counters, a.counts, b.counts),
  };
}

/** Whether a span belongs to the same run of events as an earlier one. */
export function isNear({ gapMs }: SessionRules, earlier: Span, later: Span): boolean {
  return later.startedMs - earlier.lastMs <= gapMs;
}

/** Merges neighbours for which `belongs` says so. */
export function mergeNeighbours(
  rules: SessionRules,
  spans: readonly Span[],
  belongs: (earlier: Span, later: Span) => boolean,
): readonly Span[] {
  const merged: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.startedMs - b.startedMs)) {
    const open = merged.at(-1);
    if (open !== undefined && belongs(open, span)) merged[merged.length - 1] = mergeSpans(rules, open, span);
    else merged.push(span);
  }
  return merged;
}
