import { backoffMs, type Environment } from "../environment.ts";
import { ASK_MS } from "./polling.ts";

/** The longest pause, in milliseconds. */
const LONGEST_MS = 300_000;

/** The pauses between the streams of a client. */
export interface StreamPauses {
  /** How long to wait after a stream that ended, in milliseconds. `hadEvents`: whether the stream brought any. */
  nextMs(hadEvents: boolean, openedAtMs: number): number;
  /** A stream works, or the connection may be back. */
  reset(): void;
}

/**
 * After a stream with events, the next one is opened soon, but streams that end again and again no more often than the
 * client would ask. The pauses grow while streams bring nothing.
 */
export function createStreamPauses(environment: Environment): StreamPauses {
  // In a row: streams without an event, and streams that ended soon after their events.
  let emptyStreams = 0;
  let shortStreams = 0;

  return {
    nextMs(hadEvents, openedAtMs) {
      if (!hadEvents) {
        emptyStreams += 1;
        return Math.min(LONGEST_MS, 1_000 * 2 ** emptyStreams) * (0.5 + environment.random() / 2);
      }
      const restMs = ASK_MS - Math.abs(environment.now() - openedAtMs);
      shortStreams = restMs > 0 ? shortStreams + 1 : 0;
      return Math.max(shortStreams > 1 ? restMs : 0, backoffMs(1, environment));
    },
    reset() {
      emptyStreams = 0;
    },
  };
}
