import type { Environment } from "../environment.ts";

/** Timers with names: setting one replaces the timer of that name. */
export interface Timers<Name extends string> {
  set(name: Name, ms: number, run: () => void): void;
  has(name: Name): boolean;
  clear(...names: readonly Name[]): void;
}

/** Sets nothing any more once `isClosed`. */
export function createTimers<Name extends string>(environment: Environment, isClosed: () => boolean): Timers<Name> {
  const cancels = new Map<Name, () => void>();

  function clear(...names: readonly Name[]): void {
    for (const name of names) {
      cancels.get(name)?.();
      cancels.delete(name);
    }
  }

  return {
    has: (name) => cancels.has(name),
    set(name, ms, run) {
      if (isClosed()) return;
      clear(name);
      const cancel = environment.after(ms, () => {
        cancels.delete(name);
        run();
      });
      cancels.set(name, cancel);
    },
    clear,
  };
}
