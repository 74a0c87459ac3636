import { hash, randomBytes } from "node:crypto";
import { LATEST_UUID_MS, uuidV7Of } from "../../uuid-v7.ts";

/** The longest text that may name an event. */
export const MAX_EVENT_ID = 200;

/** A new UUIDv7 (RFC 9562) of a moment. */
export function newEventId(atMs: number): string {
  return uuidV7Of(atMs, nextRandom());
}

/** The UUIDv7 of an event that another system names by a text. The same text and moment give the same id. */
export function eventIdOf(text: string, atMs: number): string {
  return uuidV7Of(atMs, hash("sha256", text, "buffer"));
}

/** Whether a UUIDv7 can have this moment. */
export function isMoment(atMs: number): boolean {
  return Number.isSafeInteger(atMs) && atMs >= 0 && atMs <= LATEST_UUID_MS;
}

const ID_BYTES = 10;

/** Random bytes that no id has yet. Asking the system for those of each id takes as long as all else of it. */
let unused: Uint8Array = new Uint8Array();

function nextRandom(): Uint8Array {
  if (unused.length < ID_BYTES) unused = randomBytes(256 * ID_BYTES);
  const own = unused.subarray(0, ID_BYTES);
  unused = unused.subarray(ID_BYTES);
  return own;
}
