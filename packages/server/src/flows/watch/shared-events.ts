import type { Snapshot } from "@sessions/core/internal";

/** How long an event may be shared, in milliseconds. Its time is older by so much. */
const SHARED_MS = 20;

type EventOf<Event> = (snapshots: readonly Snapshot[], more: boolean) => Event;

/**
 * Makes the events of streams. A change goes to all watchers of an owner, one after another, and a heartbeat to many
 * streams: those that get the same at almost the same time get the same event, so that a host can encode it once.
 * `now`: milliseconds since 1970.
 */
export function shareEvents<Event>(eventOf: EventOf<Event>, now: () => number): EventOf<Event> {
  let last: { readonly snapshot: Snapshot | undefined; readonly atMs: number; readonly event: Event } | undefined;
  return (snapshots, more) => {
    if (snapshots.length > 1 || more) return eventOf(snapshots, more);
    const [snapshot] = snapshots;
    const atMs = now();
    const isNew = last === undefined || last.snapshot !== snapshot || Math.abs(atMs - last.atMs) >= SHARED_MS;
    return (isNew ? (last = { snapshot, atMs, event: eventOf(snapshots, more) }) : last!).event;
  };
}
