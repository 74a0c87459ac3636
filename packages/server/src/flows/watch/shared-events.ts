import type { Snapshot } from "@sessions/core/internal";

type EventOf<Event> = (snapshots: readonly Snapshot[], more: boolean) => Event;

/**
 * Makes the events of streams. A change goes to all watchers of an owner, one after another, and a heartbeat to many
 * streams: those that get the same in the same millisecond get the same event, so that a host can encode it once.
 * `now`: milliseconds since 1970.
 */
export function shareEvents<Event>(eventOf: EventOf<Event>, now: () => number): EventOf<Event> {
  let last: { readonly snapshot: Snapshot | undefined; readonly atMs: number; readonly event: Event } | undefined;
  return (snapshots, more) => {
    if (snapshots.length > 1 || more) return eventOf(snapshots, more);
    const [snapshot] = snapshots;
    const atMs = now();
    if (last === undefined || last.snapshot !== snapshot || last.atMs !== atMs)
      last = { snapshot, atMs, event: eventOf(snapshots, more) };
    return last.event;
  };
}
