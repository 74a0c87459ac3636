import type { PlacedEvent } from "../definition/counter-states.ts";
import type { AnyActivity } from "../definition/define-activity.ts";
import type { LoggedEvent } from "../rows/events.ts";
import type { LateEvents } from "../rows/late-events.ts";

/** The events of one owner that count for one activity. */
export interface OwnerEvents {
  readonly owner: string;
  readonly activity: AnyActivity;
  readonly events: readonly PlacedEvent[];
}

/** The moment that places an event in its activity. */
export function placeMs({ clock }: AnyActivity, { atMs, receivedMs }: LoggedEvent): number {
  return clock === "server" ? receivedMs : Math.min(atMs, receivedMs);
}

/** Which moments of an owner are closed for an activity. */
export type ClosedBefore = (
  activity: AnyActivity,
  owner: string,
) => {
  /** An event before this comes too late: an activity session that is in the archive already may be near. */
  readonly lateMs?: number | undefined;
  /** An event before this is counted already. */
  readonly countedMs?: number | undefined;
};

/** Sorts out which events count for which activity, and counts those that came too late. */
export function placeEvents(
  activities: readonly AnyActivity[],
  logged: readonly LoggedEvent[],
  closedBefore: ClosedBefore,
): { readonly placed: readonly OwnerEvents[]; readonly late: readonly LateEvents[] } {
  const placed = new Map<string, { owner: string; activity: AnyActivity; events: PlacedEvent[] }>();
  const late = new Map<string, { owner: string; activity: string; day: string; events: number }>();
  for (const activity of activities) {
    for (const event of logged) {
      if (!Object.hasOwn(activity.events as object, event.name)) continue;
      const { owner, id, name, data, receivedMs } = event;
      const atMs = placeMs(activity, event);
      const { lateMs = 0, countedMs = 0 } = closedBefore(activity, owner);
      if (receivedMs - event.atMs > activity.latenessMs || atMs < lateMs) {
        const day = new Date(receivedMs).toISOString().slice(0, "2026-11-28".length);
        const key = `${activity.name} ${day} ${owner}`;
        const counted = late.get(key) ?? { owner, activity: activity.name, day, events: 0 };
        late.set(key, { ...counted, events: counted.events + 1 });
        continue;
      }
      if (atMs < countedMs) continue;
      const key = `${activity.name} ${owner}`;
      const own = placed.get(key) ?? { owner, activity, events: [] };
      own.events.push({ id, atMs, name, data });
      placed.set(key, own);
    }
  }
  return { placed: [...placed.values()], late: [...late.values()] };
}
