import type { Kysely } from "kysely";
import type { ProjectionContext } from "../../projections/projection.ts";
import { lockDefinitions, type StoredActivity } from "../rows/definitions.ts";
import type { FedEvent } from "../rows/events.ts";
import { addLateEvents } from "../rows/late-events.ts";
import { lockPieces, writePieces, type Piece, type PieceChanges } from "../rows/pieces.ts";
import { loadCountedUntil, loadKeptFrom, resetOwners } from "../rows/rescan.ts";
import type { ActivityTables } from "../rows/tables.ts";
import { joinPieces } from "../sessionizer/sessionize.ts";
import { spanOf } from "../sessionizer/span.ts";
import { adoptVisitors } from "./adopter.ts";
import { placeEvents, type ClosedBefore, type OwnerEvents } from "./placed-events.ts";

/**
 * Adds a page of events to the activity sessions of their owners, within the transaction that moves the feed's position. So
 * each event is added once. A scan gives all events again, owner by owner: then what was built of an owner is removed when
 * the first one of the owner comes.
 */
export async function addEvents(
  tx: Kysely<ActivityTables>,
  schema: string,
  fed: readonly FedEvent[],
  scan: ProjectionContext["scan"],
): Promise<void> {
  const isScan = scan !== null;
  const logged = isScan ? fed : fed.filter((event) => !event.isCounted);
  const begun = scan?.after?.[0] ?? null;
  const stored = await lockDefinitions(tx, schema);
  const activities = stored.map(({ activity }) => activity);
  const own = await adoptVisitors(tx, { schema, activities, isScan }, logged);
  const closedBefore = isScan
    ? await beginAgain(tx, schema, { owners: [...new Set(own.map(({ owner }) => owner))], begun })
    : closedOnes(stored);
  const { placed, late } = placeEvents(activities, own, closedBefore);
  await addLateEvents(tx, schema, late);
  if (placed.length === 0) return;
  const piecesOf = Map.groupBy(await lockPieces(tx, schema, placed.map(stretchOf)), keyOf);
  const changes = placed.map((each) =>
    changesOf(each, piecesOf.get(keyOf({ owner: each.owner, activity: each.activity.name })) ?? []),
  );
  await writePieces(tx, schema, {
    removed: changes.flatMap(({ removed }) => removed),
    changed: changes.flatMap(({ changed }) => changed),
    added: changes.flatMap(({ added }) => added),
  });
}

/** The archive has activity sessions that ended before `closedMs`. An event from the gap after it on reaches none of them. */
function closedOnes(stored: readonly StoredActivity[]): ClosedBefore {
  const closedMs = new Map(stored.map(({ activity, closedMs: ms }) => [activity.name, ms]));
  return ({ name, rules }) => ({ lateMs: closedMs.get(name)! + rules.gapMs });
}

async function beginAgain(
  tx: Kysely<ActivityTables>,
  schema: string,
  { owners, begun }: { readonly owners: readonly string[]; readonly begun: string | null },
): Promise<ClosedBefore> {
  const keptFromMs = await loadKeptFrom(tx, schema);
  await resetOwners(tx, schema, { owners: owners.filter((owner) => owner !== begun), keptFromMs });
  const counted = await loadCountedUntil(tx, schema, { owners, keptFromMs });
  const untilMs = new Map(counted.map((each) => [keyOf(each), each.untilMs + 1]));
  return ({ name }, owner) => ({ countedMs: untilMs.get(keyOf({ owner, activity: name })) });
}

const keyOf = ({ owner, activity }: { readonly owner: string; readonly activity: string }) => `${activity} ${owner}`;

/** Where pieces may be near to some events. */
function stretchOf({ owner, activity: { name, rules }, events }: OwnerEvents) {
  const times = events.map(({ atMs }) => atMs);
  const [fromMs, untilMs] = [Math.min(...times) - rules.gapMs, Math.max(...times) + rules.gapMs];
  return { owner, activity: name, fromMs, untilMs, atMostMs: rules.atMostMs };
}

function changesOf({ owner, activity: { name, rules }, events }: OwnerEvents, stored: readonly Piece[]): PieceChanges {
  const joined = joinPieces(rules, [...stored, ...events.map((event) => spanOf(rules, event))]);
  const before = new Map(stored.map((piece) => [piece.startedMs, piece]));
  const pieces = joined.map((span): Piece => ({ ...span, owner, activity: name }));
  const starts = new Set(pieces.map(({ startedMs }) => startedMs));
  return {
    removed: stored.filter(({ startedMs }) => !starts.has(startedMs)),
    changed: pieces.filter(({ startedMs, events: count }) => {
      const was = before.get(startedMs);
      return was !== undefined && was.events !== count;
    }),
    added: pieces.filter(({ startedMs }) => !before.has(startedMs)),
  };
}
