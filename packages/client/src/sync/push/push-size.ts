import { PUSH_MS } from "../api.ts";

/** How much a request has besides its commands at most, in bytes: whose it is, and from which device. */
const ENVELOPE_BYTES = 2_000;

/** The smallest push on the slowest line, in bytes. */
const LEAST_BYTES = 2_000;

/** How many bytes of commands one push may have: as many as the line carries in time, and as a host lets in. */
export interface PushSize {
  readonly maxBytes: number;
  /** A push of so many bytes was answered after so many milliseconds. */
  passed(bytes: number, ms: number): void;
  /** A push of so many bytes was too late, or too large for a host. Returns whether the next push is smaller. */
  reduce(bytes: number, isTooLarge: boolean): boolean;
}

/** `maxRequestBytes` is the size of a whole request. */
export function createPushSize(maxRequestBytes: number): PushSize {
  let ceiling = Math.max(LEAST_BYTES, maxRequestBytes - ENVELOPE_BYTES);
  let maxBytes = ceiling;

  return {
    get maxBytes() {
      return maxBytes;
    },
    passed(bytes, ms) {
      // Twice as much would be in time, too.
      if (bytes > maxBytes / 2 && ms < PUSH_MS / 3) maxBytes = Math.min(ceiling, maxBytes * 2);
    },
    reduce(bytes, isTooLarge) {
      maxBytes = Math.max(LEAST_BYTES, Math.floor(Math.min(maxBytes, bytes) / 2));
      if (isTooLarge) ceiling = maxBytes;
      return maxBytes < bytes;
    },
  };
}
