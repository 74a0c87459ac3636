import { hash } from "node:crypto";
import { takeRandomBytes } from "../../random-bytes.ts";
import { LATEST_UUID_MS, uuidV7Of } from "../../uuid-v7.ts";

/** The longest text that may name an event. */
export const MAX_EVENT_ID = 200;

/** A new UUIDv7 (RFC 9562) of a moment. */
export function newEventId(atMs: number): string {
  return uuidV7Of(atMs, takeRandomBytes(ID_BYTES));
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
