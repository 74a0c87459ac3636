import { durationMs, SessionsError, type Duration } from "@sessions/core/internal";

/** The server's clock. It goes on with the clock that it was given, and a test moves it. */
export interface TestClock {
  /** The time now, in milliseconds since 1970. */
  now(): number;
  /**
   * Moves the clock on: by a duration such as `"2d"`, or by milliseconds. Sessions whose deadline has passed then expire.
   *
   * @throws {SessionsError} `configuration_invalid` if `by` is neither.
   */
  advance(by: Duration | number): void;
}

/** `now` is the clock to start from. `onAdvance` is called with the number of milliseconds after each `advance`. */
export function createClock(now: () => number, onAdvance: (ms: number) => void): TestClock {
  let aheadMs = 0;
  return {
    now: () => now() + aheadMs,
    advance(by) {
      const ms = typeof by === "number" ? by : durationMs(by);
      if (ms === undefined || !Number.isSafeInteger(ms) || ms < 0) {
        throw new SessionsError(
          "configuration_invalid",
          'clock.advance takes a duration such as "2d", or milliseconds.',
        );
      }
      aheadMs += ms;
      onAdvance(ms);
    },
  };
}
