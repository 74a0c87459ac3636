import { streamKey } from "../rows/progress.ts";
import type { PageRow } from "../rows/source-pages.ts";

/** A stream is tried again by itself this often, after 1, 2, 4, … seconds and at most five minutes. Then an operator decides. */
const TRIES = 12;
const MAX_PAUSE_MS = 300_000;

/** When a row is tried again that has failed so often, in milliseconds since 1970. Null if only an operator has it tried. */
export function nextTryMs(tries: number, nowMs: number): number | null {
  return tries >= TRIES ? null : nowMs + Math.min(1_000 * 2 ** (tries - 1), MAX_PAUSE_MS);
}

/** How many streams are tried again at a time. */
export const RETRIED_STREAMS = 100;

/** How many rows of a stream that waited are applied at a time. */
export const STREAM_ROWS = 100;

/** The rows of half of their streams, and of the other half, to find the streams that fail alone. Of one stream: all, and none. */
export function halvesByStream(rows: readonly PageRow[]): readonly [readonly PageRow[], readonly PageRow[]] {
  const streams = [...new Set(rows.map(streamKey))];
  const first = new Set(streams.slice(0, Math.ceil(streams.length / 2)));
  return [rows.filter((row) => first.has(streamKey(row))), rows.filter((row) => !first.has(streamKey(row)))];
}
