import type { Kysely } from "kysely";
import type { AnyActivity } from "../definition/define-activity.ts";
import { listAdopted, moveEvents, moveLateEvents, takeSessions, type AdoptedPair } from "../rows/moved-rows.ts";
import type { LoggedEvent } from "../rows/events.ts";
import { writePieces, type Piece } from "../rows/pieces.ts";
import { loadKeptFrom, resetOwners } from "../rows/rescan.ts";
import { countedEvents, deleteArchived, lockSpans } from "../rows/stretches.ts";
import type { ActivityTables } from "../rows/tables.ts";
import { joinPieces, runsOf } from "../sessionizer/sessionize.ts";
import { spanOf, type Span } from "../sessionizer/span.ts";
import { adoptedVisitorOf } from "./adoption-event.ts";
import { placeMs } from "./placed-events.ts";

const DAY_MS = 86_400_000;

interface AdopterOptions {
  readonly schema: string;
  readonly activities: readonly AnyActivity[];
  readonly isScan: boolean;
}

/**
 * Gives all that adopted visitors did to their owners, within the transaction that adds a page of events. Only one node
 * adds events, so what is counted does not change meanwhile. Gives the events of the page that are to be added now: a
 * visitor's come again, as the owner's.
 */
export async function adoptVisitors(
  tx: Kysely<ActivityTables>,
  { schema, activities, isScan }: AdopterOptions,
  logged: readonly LoggedEvent[],
): Promise<readonly LoggedEvent[]> {
  const pairs = new Map<string, AdoptedPair>();
  for (const event of isScan ? [] : logged) {
    const visitor = adoptedVisitorOf(event);
    if (visitor !== null) pairs.set(visitor, { visitor, owner: event.owner });
  }
  // A visitor's request may have been on its way when the visitor was adopted.
  const owners = [...new Set(logged.map(({ owner }) => owner))];
  for (const pair of await listAdopted(tx, schema, owners)) pairs.set(pair.visitor, pair);
  if (pairs.size === 0) return logged;

  const adopted = [...pairs.values()];
  await moveEvents(tx, schema, adopted, { recount: isScan });
  const keptFromMs = await loadKeptFrom(tx, schema);
  if (isScan) await resetOwners(tx, schema, { owners: [...pairs.keys()], keptFromMs });
  await moveLateEvents(tx, schema, adopted);
  for (const pair of adopted) {
    const taken = await takeSessions(tx, schema, pair, keptFromMs);
    for (const activity of activities) {
      const own = taken.filter((piece) => piece.activity === activity.name);
      for (const run of runsOf(activity.rules, own)) {
        await buildAgain(tx, schema, { activity, owner: pair.owner, run, keptFromMs });
      }
    }
  }
  return logged.filter(({ owner }) => !pairs.has(owner));
}

interface Rebuilt {
  readonly activity: AnyActivity;
  readonly owner: string;
  /** What a visitor did without a long gap. */
  readonly run: readonly Span[];
  readonly keptFromMs: number;
}

/**
 * Builds the activity sessions near to a visitor's again, from the events of both. What is near may be in the archive. Its
 * rows become pieces: the next sweep moves them back.
 */
async function buildAgain(
  tx: Kysely<ActivityTables>,
  schema: string,
  { activity, owner, run, keptFromMs }: Rebuilt,
): Promise<void> {
  const { name, rules, latenessMs, clock } = activity;
  const { gapMs, atMostMs } = rules;
  let [fromMs, untilMs] = [run[0]!.startedMs, Math.max(...run.map(({ lastMs }) => lastMs))];
  let [pieces, archived]: (readonly Piece[])[] = [[], []];
  let countedMs = keptFromMs - 1;
  for (let hasGrown = true; hasGrown;) {
    const stretch = { owner, activity: name, fromMs: fromMs - gapMs, untilMs: untilMs + gapMs, atMostMs };
    ({ pieces, archived } = await lockSpans(tx, schema, stretch));
    const found = [...pieces, ...archived];
    const earlier = found.filter(({ startedMs }) => startedMs < keptFromMs);
    countedMs = Math.max(countedMs, ...earlier.map(({ lastMs }) => lastMs));
    [pieces, archived] = [pieces, archived].map((spans) => spans.filter(({ startedMs }) => startedMs >= keptFromMs));
    const all = [...pieces!, ...archived!];
    const [startedMs, lastMs] = [
      Math.min(fromMs, ...all.map((span) => span.startedMs)),
      Math.max(untilMs, ...all.map((span) => span.lastMs)),
    ];
    hasGrown = startedMs < fromMs || lastMs > untilMs;
    [fromMs, untilMs] = [startedMs, lastMs];
  }
  await deleteArchived(tx, schema, archived!);

  const earliestMs = clock === "server" ? fromMs - latenessMs : fromMs;
  let spans: readonly Span[] = [];
  for await (const page of countedEvents(tx, schema, { owner, fromMs: earliestMs, untilMs: untilMs + DAY_MS })) {
    const placed = page
      .filter(({ name: event, receivedMs, atMs }) => {
        return Object.hasOwn(activity.events as object, event) && receivedMs - atMs <= latenessMs;
      })
      .map((event) => ({ ...event, atMs: placeMs(activity, event) }))
      .filter(({ atMs }) => atMs >= fromMs && atMs <= untilMs && atMs > countedMs);
    spans = joinPieces(rules, [...spans, ...placed.map((event) => spanOf(rules, event))]);
  }
  const added = spans.map((span): Piece => ({ ...span, owner, activity: name }));
  await writePieces(tx, schema, { removed: pieces!, changed: [], added });
}
