const known = new WeakMap<object, number>();

/** What a snapshot or an outcome takes as JSON, in bytes: measured once, however many it is sent to. */
export function jsonBytes(told: object): number {
  const before = known.get(told);
  if (before !== undefined) return before;
  const bytes = Buffer.byteLength(JSON.stringify(told));
  known.set(told, bytes);
  return bytes;
}
