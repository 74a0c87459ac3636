import { randomBytes } from "node:crypto";

/** The latest moment that a UUIDv7 can have, in milliseconds since 1970. */
export const LATEST_UUID_MS = 2 ** 48 - 1;

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The UUIDv7 (RFC 9562) of a moment, in milliseconds since 1970, and at least ten bytes: random ones, or a hash. */
export function uuidV7Of(atMs: number, bytes: Uint8Array = randomBytes(10)): string {
  const digits = Buffer.from(bytes.subarray(0, 10)).toString("hex");
  const time = Math.trunc(atMs).toString(16).padStart(12, "0");
  const variant = ((Number.parseInt(digits[3]!, 16) & 0x3) | 0x8).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits.slice(0, 3)}-${variant}${digits.slice(4, 7)}-${digits.slice(7, 19)}`;
}

/** The moment in a UUIDv7; undefined for another text. */
export function momentOf(id: string): number | undefined {
  return UUID_V7.test(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
