import type { Environment } from "../environment.ts";

/** One moment in the future. To set it again replaces it. */
export interface Timer {
  readonly isSet: boolean;
  set(ms: number, run: () => void): void;
  clear(): void;
}

export function createTimer(environment: Environment): Timer {
  let cancel: (() => void) | undefined;

  function clear(): void {
    cancel?.();
    cancel = undefined;
  }

  return {
    get isSet() {
      return cancel !== undefined;
    },
    set(ms, run) {
      clear();
      cancel = environment.after(ms, () => {
        cancel = undefined;
        run();
      });
    },
    clear,
  };
}
