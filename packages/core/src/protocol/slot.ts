import type { Json } from "../json.ts";
import { deviceOf, newestOfEach, type Stamp } from "./stamp.ts";

/** How many other devices a slot says that it has seen. */
export const MAX_SEEN = 8;

/** What was typed in one field, and when. Without `value` the field was emptied, which wins and loses as any value does. */
export interface Slot {
  value?: Json | undefined;
  at: Stamp;
  /** What it was typed over: the newest stamp of each other device in this field. What it has not seen, it replaced unseen. */
  seen?: Stamp[] | undefined;
}

/** A slot of a value, or of none. */
export function slotOf(value: Json | undefined, at: Stamp, seen: readonly Stamp[] = []): Slot {
  return { ...(value !== undefined && { value }), at, ...(seen.length > 0 && { seen: [...seen] }) };
}

/** What a device that types over a slot has seen. */
export function seenIn(slot: Slot | undefined, device: string): Stamp[] {
  if (slot === undefined) return [];
  const others = [...(slot.seen ?? []), slot.at].filter((at) => deviceOf(at) !== device);
  return newestOfEach(others).slice(-MAX_SEEN);
}

/** Whether a slot was typed by whoever had seen another one in its field, or typed that too. */
export function covers(slot: Slot, other: Stamp): boolean {
  return [...(slot.seen ?? []), slot.at].some((at) => deviceOf(at) === deviceOf(other) && at >= other);
}
