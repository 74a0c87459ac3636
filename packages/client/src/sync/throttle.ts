import type { Environment } from "../environment.ts";
import { createTimer } from "./timer.ts";

/** Calls a function at once, and then at most once in so many milliseconds. A call that comes too soon is made later. */
export interface Throttle {
  call(): void;
  cancel(): void;
}

export function createThrottle(environment: Environment, ms: number, run: () => void): Throttle {
  const rest = createTimer(environment);
  let isWanted = false;

  function call(): void {
    isWanted = rest.isSet;
    if (isWanted) return;
    rest.set(ms, () => {
      if (isWanted) call();
    });
    run();
  }

  return { call, cancel: rest.clear };
}
