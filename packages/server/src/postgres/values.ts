import { sql, type RawBuilder } from "kysely";

// What drivers and their type parsers make of json, times, bytes and large numbers differs, and an application may
// change it. So all of them go as text and come back as text, with a cast in the statement.

/** JSON as text, to be written to a json column. Sent as json, some drivers would encode it again. */
export function json(text: string): RawBuilder<string> {
  return sql<string>`${text}::text::json`;
}

/** A moment as ISO text, to be written or compared. */
export function time(iso: string): RawBuilder<never> {
  return sql<never>`${iso}::text::timestamptz`;
}

/** Bytes, to be written to a bytea column. */
export function bytes(value: Uint8Array): RawBuilder<string> {
  return sql<string>`decode(${hexOf(value)}::text, 'hex')`;
}

/** Bytes as hex: how a statement takes them. */
export function hexOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("hex");
}

/** Bytes that a statement gave as hex. */
export function bytesOf(hex: string): Uint8Array {
  return Buffer.from(hex, "hex");
}
