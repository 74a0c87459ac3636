import { isoOf } from "../../postgres/values.ts";

/** A session as its row holds it. */
export interface StoredWebSession {
  /** The key of its row, as hex. */
  readonly key: string;
  readonly data: string;
  readonly version: number;
  readonly expiresMs: number;
}

const HOUR_MS = 3_600_000;
/** The end of a value that never expires. */
export const NEVER_MS = Date.UTC(9999, 0);

/** A moment as statements take it. Postgres and Node both know moments up to the year 9999. */
export function clampedIsoOf(atMs: number): string {
  return isoOf(Math.max(0, Math.min(atMs, NEVER_MS)));
}

/** The start of the hour of a moment. */
export function bucketOf(atMs: number): string {
  return clampedIsoOf(Math.floor(atMs / HOUR_MS) * HOUR_MS);
}

/** Whether Postgres can hold a text. No session of connect-pg-simple has another id. */
export function isText(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}
