import type { z } from "zod";
import type { FeedSource } from "../projections/source.ts";
import type { EventsOf } from "./activities.ts";
import { activityEvents } from "./builder/event-source.ts";
import type { AnyActivity } from "./definition/define-activity.ts";

/** A recorded event, as a projection gets it. `event` tells the types of `data` apart. */
export type EventEntry<Declared extends readonly AnyActivity[]> = {
  [Event in keyof EventsOf<Declared> & string]: {
    readonly owner: string;
    /** Its id among the events of its owner. */
    readonly id: string;
    readonly event: Event;
    readonly data: EventsOf<Declared>[Event] extends infer Schema extends z.ZodType ? z.output<Schema> : never;
    /** When it happened, as ISO 8601 in UTC. */
    readonly at: string;
    /** When a node recorded it, as ISO 8601 in UTC. */
    readonly receivedAt: string;
  };
}[keyof EventsOf<Declared> & string];

/**
 * The recorded events of these activities, as the source of a projection. Each event comes once. It comes a second time,
 * with the same id, when an owner adopts the visitor who recorded it, and after the restore of a dump into another cluster.
 * So write by the id what follows from an event.
 *
 * @example
 * project(eventHistory([reading]), { name: "opened", handle: async ({ owner, id, data }, { tx }) => … })
 */
export function eventHistory<const Declared extends readonly AnyActivity[]>(
  activities: Declared,
): FeedSource<EventEntry<Declared>> {
  const names = new Set(activities.flatMap(({ events }) => Object.keys(events as object)));
  return {
    ...activityEvents,
    name: "events",
    async read(row) {
      const { owner, id, name, data, atMs, receivedMs } = (await activityEvents.read(row))!;
      if (!names.has(name)) return null;
      const [at, receivedAt] = [atMs, receivedMs].map((ms) => new Date(ms).toISOString());
      // The event has this name, so its own schema has parsed the data when it was recorded.
      return { owner, id, event: name, data, at, receivedAt } as unknown as EventEntry<Declared>;
    },
  };
}
