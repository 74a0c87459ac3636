import type { Snapshot } from "@sessions/core";

const known = new WeakMap<Snapshot, number>();

/** What a snapshot takes as JSON, in bytes: measured once, however many it is sent to. */
export function jsonBytes(snapshot: Snapshot): number {
  const before = known.get(snapshot);
  if (before !== undefined) return before;
  const bytes = Buffer.byteLength(JSON.stringify(snapshot));
  known.set(snapshot, bytes);
  return bytes;
}
