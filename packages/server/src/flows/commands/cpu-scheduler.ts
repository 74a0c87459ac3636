/** How long work may block the event loop, in milliseconds. A single piece of work that takes longer runs to its end. */
const SLICE_MS = 10;

/**
 * Runs work that needs much processor time, in slices. Between two slices the event loop turns, so that other requests
 * are read and answered. Work that does not fit into a slice waits, and owners take turns.
 */
export class CpuScheduler {
  readonly #nowMs: () => number;
  readonly #waiting = new Map<string, (() => void)[]>();
  #spentMs = 0;
  #isScheduled = false;

  /** `nowMs`: a clock of milliseconds. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Runs a piece of an owner's work, at once if there is time. Throws what the work throws. */
  async run<T>(owner: string, work: () => T): Promise<T> {
    if (this.#waiting.size === 0 && this.#spentMs < SLICE_MS) return this.#measure(work);
    return new Promise<T>((resolve, reject) => {
      const own = this.#waiting.get(owner) ?? [];
      this.#waiting.set(owner, own);
      own.push(() => {
        try {
          resolve(this.#measure(work));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #measure<T>(work: () => T): T {
    const since = this.#nowMs();
    try {
      return work();
    } finally {
      this.#spentMs += this.#nowMs() - since;
      this.#scheduleSlice();
    }
  }

  /** Begins a new slice after the event loop has turned, and runs work that waits. */
  #scheduleSlice(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#spentMs = 0;
      for (const [owner, own] of this.#waiting) {
        if (this.#spentMs >= SLICE_MS) break;
        // The owner goes to the end of the map. This loop reaches the end too, if there is time.
        this.#waiting.delete(owner);
        const work = own.shift()!;
        if (own.length > 0) this.#waiting.set(owner, own);
        work();
      }
    });
  }
}
