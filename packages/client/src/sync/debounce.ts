import type { Environment } from "../environment.ts";
import { createTimer } from "./timer.ts";

/** How long a person must have stopped typing, in milliseconds, before a draft is sent. */
const PAUSE_MS = 400;

/** The longest time that a draft waits while a person goes on typing, in milliseconds. */
const LONGEST_MS = 2_000;

export interface Debounce {
  /** Something was typed: `onEnd` runs after a pause. */
  begin(): void;
  /** Ends the pause now, if there is one. */
  end(): void;
  cancel(): void;
}

export function createDebounce(environment: Environment, onEnd: () => void): Debounce {
  let sinceMs: number | undefined;
  const timer = createTimer(environment);

  function cancel(): void {
    timer.clear();
    sinceMs = undefined;
  }

  function end(): void {
    if (sinceMs === undefined) return;
    cancel();
    onEnd();
  }

  return {
    begin() {
      const nowMs = environment.now();
      sinceMs ??= nowMs;
      timer.set(Math.max(0, Math.min(PAUSE_MS, sinceMs + LONGEST_MS - nowMs)), end);
    },
    end,
    cancel,
  };
}
