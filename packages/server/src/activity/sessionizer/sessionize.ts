import type { PlacedEvent } from "../definition/counter-states.ts";
import { isNear, mergeNeighbours, spanOf, type Span } from "./span.ts";
import type { SessionRules } from "../definition/session-rules.ts";

/**
 * The activity sessions of all events of one owner. This is their definition. `joinPieces` and `sessionsOf` give the same,
 * in whatever order the events come.
 *
 * A run is a number of events of which no two neighbours are further apart than the gap. A run that lasts no longer than
 * `atMostMs` is one activity session. A longer one is cut at the multiples of `atMostMs` since 1970, in UTC: for a day, at
 * each midnight. Such cuts stay where they are when a late event makes the run longer.
 */
export function sessionize(rules: SessionRules, events: readonly PlacedEvent[]): readonly Span[] {
  const runs: PlacedEvent[][] = [];
  for (const event of events.toSorted((a, b) => a.atMs - b.atMs)) {
    const run = runs.at(-1);
    if (run !== undefined && event.atMs - run.at(-1)!.atMs <= rules.gapMs) run.push(event);
    else runs.push([event]);
  }
  const partOf = (event: PlacedEvent) => Math.floor(event.atMs / rules.atMostMs);
  return runs.flatMap((run) => {
    const isLong = run.at(-1)!.atMs - run[0]!.atMs > rules.atMostMs;
    const parts = isLong ? Object.values(Object.groupBy(run, partOf)) : [run];
    return parts.map(
      (part) =>
        mergeNeighbours(
          rules,
          part!.map((event) => spanOf(rules, event)),
          () => true,
        )[0]!,
    );
  });
}

/**
 * Joins pieces and new events, as spans of one owner, to pieces. A piece never reaches over a place where a long run would
 * be cut. So no piece ever has to be taken apart, and the events behind it are not needed any more.
 */
export function joinPieces(rules: SessionRules, spans: readonly Span[]): readonly Span[] {
  const partOf = ({ startedMs }: Span) => Math.floor(startedMs / rules.atMostMs);
  return mergeNeighbours(rules, spans, (a, b) => isNear(rules, a, b) && partOf(a) === partOf(b));
}

/** The runs of some pieces of one owner, the earliest first. */
export function runsOf(rules: SessionRules, pieces: readonly Span[]): readonly (readonly Span[])[] {
  const runs: Span[][] = [];
  for (const piece of pieces.toSorted((a, b) => a.startedMs - b.startedMs)) {
    const run = runs.at(-1);
    if (run !== undefined && isNear(rules, run.at(-1)!, piece)) run.push(piece);
    else runs.push([piece]);
  }
  return runs;
}

/** The activity sessions of all pieces of one owner: those of a short run are one. */
export function sessionsOf(rules: SessionRules, pieces: readonly Span[]): readonly Span[] {
  return runsOf(rules, pieces).flatMap((run) => {
    const isLong = run.at(-1)!.lastMs - run[0]!.startedMs > rules.atMostMs;
    return isLong ? run : mergeNeighbours(rules, run, () => true);
  });
}
