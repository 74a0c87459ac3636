const known = new WeakMap<object, number>();

/** The size of an object as JSON, in bytes. It is measured once for each object, no matter how often it is sent. */
export function jsonBytes(value: object): number {
  const before = known.get(value);
  if (before !== undefined) return before;
  const bytes = Buffer.byteLength(JSON.stringify(value));
  known.set(value, bytes);
  return bytes;
}

/** Notes the size of an object that was just written or read as text, so that it is not measured again. */
export function noteJsonBytes(value: object, bytes: number): void {
  known.set(value, bytes);
}
