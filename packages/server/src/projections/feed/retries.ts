/** A stream is tried again by itself this often, after 1, 2, 4, … seconds and at most five minutes. Then an operator decides. */
const TRIES = 12;
const MAX_PAUSE_MS = 300_000;

/** When a row is tried again that has failed so often, in milliseconds since 1970. Null if only an operator has it tried. */
export function nextTryMs(tries: number, nowMs: number): number | null {
  return tries >= TRIES ? null : nowMs + Math.min(1_000 * 2 ** (tries - 1), MAX_PAUSE_MS);
}
