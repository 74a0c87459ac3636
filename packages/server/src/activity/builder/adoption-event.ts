import type { LoggedEvent } from "../rows/events.ts";

/**
 * The event that says that an owner has adopted a visitor. The sign-in's transaction stores it among the owner's events, so
 * the feed brings it in its turn, once. No activity can declare an event of this name.
 */
export const ADOPTION_EVENT = "$visitor_adopted";

export const adoptionData = (visitor: string): string => JSON.stringify({ visitor });

/** The visitor whom this event names; null for another event. */
export function adoptedVisitorOf({ name, data }: LoggedEvent): string | null {
  const visitor = name === ADOPTION_EVENT ? data["visitor"] : null;
  return typeof visitor === "string" ? visitor : null;
}
