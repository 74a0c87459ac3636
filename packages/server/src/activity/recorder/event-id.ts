import { hash, randomBytes } from "node:crypto";

/** The longest text that may name an event. */
export const MAX_EVENT_ID = 200;

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const LATEST_MS = 2 ** 48 - 1;

/** A new UUIDv7 (RFC 9562) of a moment. */
export function newEventId(atMs: number, random: (bytes: number) => Uint8Array = randomBytes): string {
  return uuidOf(atMs, random(10));
}

/** The UUIDv7 of an event that another system names by a text. The same text and moment give the same id. */
export function eventIdOf(text: string, atMs: number): string {
  return uuidOf(atMs, hash("sha256", text, "buffer"));
}

/** The moment in a UUIDv7; undefined for another text. */
export function momentOf(id: string): number | undefined {
  return UUID_V7.test(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}

/** Whether a UUIDv7 can have this moment. */
export function isMoment(atMs: number): boolean {
  return Number.isSafeInteger(atMs) && atMs >= 0 && atMs <= LATEST_MS;
}

function uuidOf(atMs: number, bytes: Uint8Array): string {
  const digits = Buffer.from(bytes.subarray(0, 10)).toString("hex");
  const time = atMs.toString(16).padStart(12, "0");
  const variant = ((Number.parseInt(digits[3]!, 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits.slice(0, 3)}-${variant}${digits.slice(4, 7)}-${digits.slice(7, 19)}`;
}
