import type { Dialect } from "kysely";
import { aroundCalls } from "./around-calls.ts";

/** Taken before anything replaces it: one turn of the real event loop. */
const nextTurn = globalThis.setImmediate;

/** If no call begins or ends for so long, in real milliseconds, the calls in flight are taken to wait for a lock. */
const QUIET_MS = 25;

/** One turn of the event loop: enough where everything is answered within microtasks. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => void nextTurn(resolve));
}

/** The calls in flight to a database that answers in its own time. */
export class DatabaseCalls {
  readonly #inFlight = new Set<Promise<unknown>>();
  #changedMs = 0;

  /**
   * Resolves when every call has its answer, and all work that follows has finished. It does not wait for calls that wait
   * for a lock: the holder of the lock may wait for simulated time.
   */
  async waitUntilIdle(): Promise<void> {
    await eventLoopTurn();
    while (this.#inFlight.size > 0 && performance.now() - this.#changedMs < QUIET_MS) await eventLoopTurn();
    await eventLoopTurn();
  }

  /** A dialect like this one, of which every call is counted. */
  countCallsOf(dialect: Dialect): Dialect {
    return aroundCalls(dialect, (_kind, run) => this.#count(run()));
  }

  async #count<T>(work: Promise<T>): Promise<T> {
    this.#inFlight.add(work);
    this.#changedMs = performance.now();
    try {
      return await work;
    } finally {
      this.#inFlight.delete(work);
      this.#changedMs = performance.now();
    }
  }
}
