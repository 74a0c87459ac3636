import type { Json } from "../json.ts";
import { stampDevice, newestOfEach, type Stamp } from "./stamp.ts";

/** The most other devices that `seen` of a slot names. */
export const MAX_SEEN = 8;

/** The value typed in one field, and its stamp. Without `value` the field was emptied; that wins and loses like any value. */
export interface DraftField {
  value?: Json | undefined;
  at: Stamp;
  /** The newest stamp of each other device in this field that the device saw. It replaced any other one without seeing it. */
  seen?: Stamp[] | undefined;
}

/** Makes a slot with a value, or without one. */
export function draftFieldOf(value: Json | undefined, at: Stamp, seen: readonly Stamp[] = []): DraftField {
  return { ...(value !== undefined && { value }), at, ...(seen.length > 0 && { seen: [...seen] }) };
}

/** The `seen` stamps of a device that types over this slot. */
export function seenStamps(slot: DraftField | undefined, device: string): Stamp[] {
  if (slot === undefined) return [];
  const others = [...(slot.seen ?? []), slot.at].filter((at) => stampDevice(at) !== device);
  return newestOfEach(others).slice(-MAX_SEEN);
}

/** Whether the device that typed a slot had seen another stamp in its field, or had typed that one too. */
export function hasSeen(slot: DraftField, other: Stamp): boolean {
  return [...(slot.seen ?? []), slot.at].some((at) => stampDevice(at) === stampDevice(other) && at >= other);
}
