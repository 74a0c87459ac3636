import { LRUCache } from "lru-cache";
import { readInTime } from "./limited-reads.ts";
import type { DashboardSource } from "./rows/tables.ts";

/** A value, and when it was read, in milliseconds since 1970. */
export interface Reading<T> {
  readonly value: T;
  readonly atMs: number;
}

/** For how long a reading is shown again by default, in milliseconds. Every number is shown with its age. */
const SHOWN_MS = 15_000;

/** The readings of this node. However many operators look, the database is asked once in a while. */
export class Readings {
  readonly #source: DashboardSource;
  readonly #now: () => number;
  readonly #kept = new LRUCache<string, Promise<Reading<unknown>>>({ max: 200 });

  constructor(source: DashboardSource, now: () => number) {
    this.#source = source;
    this.#now = now;
  }

  /** The newest reading of this name. `read` gives a new one if that is too old. A failure is not kept. @throws {LateReadError} */
  async get<T>(name: string, read: (source: DashboardSource) => Promise<T>, shownMs = SHOWN_MS): Promise<Reading<T>> {
    const kept = this.#kept.get(name);
    if (kept !== undefined) {
      // Each name stands for one kind of value.
      const reading = (await kept) as Reading<T>;
      if (this.#now() - reading.atMs < shownMs) return reading;
      // Another request may have begun to read while this one waited.
      if (this.#kept.get(name) !== kept) return this.get(name, read, shownMs);
    }
    const reading = readInTime(this.#source, read).then((value): Reading<T> => ({ value, atMs: this.#now() }));
    this.#kept.set(name, reading);
    try {
      return await reading;
    } catch (error) {
      if (this.#kept.get(name) === reading) this.#kept.delete(name);
      throw error;
    }
  }
}
