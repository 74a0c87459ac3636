import { newId } from "./id.ts";

/** Time, random numbers and ids. Tests and simulations give their own. */
export interface Environment {
  /** Milliseconds since 1970, by this device's clock. */
  now(): number;
  /** Milliseconds since some moment of this page, by a clock that nobody can set. It may stop while the device sleeps. */
  elapsed(): number;
  /** From 0 up to, not including, 1. */
  random(): number;
  /** A new UUIDv7. */
  id(): string;
  /** Calls `run` after `ms` milliseconds, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
}

export const browserEnvironment: Environment = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  random: () => Math.random(),
  id: newId,
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Whether this is a server that renders a page. It stores nothing, and sends nothing. */
export function isServerRender(): boolean {
  return globalThis.document === undefined && globalThis.indexedDB === undefined;
}

/** How long to wait before the next attempt, in milliseconds: exponential with full jitter, at most 30 seconds. */
export function backoffMs(failures: number, { random }: Environment): number {
  return random() * Math.min(30_000, 500 * 2 ** failures);
}

/** Resolves after so many milliseconds. */
export function sleep(ms: number, environment: Environment): Promise<void> {
  return new Promise((resolve) => environment.after(ms, resolve));
}

/** A call took longer than it may. */
export class TimeoutError extends Error {}

/** Calls a function that may never end. After `ms` milliseconds its signal aborts it, and `within` rejects. */
export function within<T>(ms: number, environment: Environment, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  return new Promise((resolve, reject) => {
    const cancel = environment.after(ms, () => {
      reject(new TimeoutError(`No answer within ${ms} ms.`));
      controller.abort();
    });
    run(controller.signal).finally(cancel).then(resolve, reject);
  });
}
