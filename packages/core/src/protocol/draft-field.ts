import type { Json } from "../json.ts";
import { stampDevice, newestOfEach, type Stamp } from "./stamp.ts";

/** The most other devices that `seen` of a draft field names. */
export const MAX_SEEN = 8;

/** The value typed in one field, and its stamp. Without `value` the field was emptied; that wins and loses like any value. */
export interface DraftField {
  value?: Json | undefined;
  at: Stamp;
  /** The newest stamp of each other device in this field that the device saw. It replaced any other one without seeing it. */
  seen?: Stamp[] | undefined;
}

/** Makes a draft field with a value, or without one. */
export function draftFieldOf(value: Json | undefined, at: Stamp, seen: readonly Stamp[] = []): DraftField {
  return { ...(value !== undefined && { value }), at, ...(seen.length > 0 && { seen: [...seen] }) };
}

/** The `seen` stamps of a device that types over this draft field. */
export function seenStamps(draftField: DraftField | undefined, device: string): Stamp[] {
  if (draftField === undefined) return [];
  const others = [...(draftField.seen ?? []), draftField.at].filter((at) => stampDevice(at) !== device);
  return newestOfEach(others).slice(-MAX_SEEN);
}

/** Whether the device that typed a draft field had seen another stamp of it, or had typed that one too. */
export function hasSeen(draftField: DraftField, other: Stamp): boolean {
  return [...(draftField.seen ?? []), draftField.at].some(
    (at) => stampDevice(at) === stampDevice(other) && at >= other,
  );
}
