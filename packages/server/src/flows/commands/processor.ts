/** How long work may keep the event loop from turning, in milliseconds, but for a single piece that takes longer. */
const TURN_MS = 10;

/**
 * Does work that takes the processor's time: so much in one turn of the event loop, so that what others sent is read
 * and answered in between. What is more waits, and owners take turns.
 */
export class Processor {
  readonly #nowMs: () => number;
  readonly #waiting = new Map<string, (() => void)[]>();
  #spentMs = 0;
  #turning = false;

  /** `nowMs`: a clock of milliseconds. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Does a piece of an owner's work, at once if there is time. Throws what it throws. */
  async run<T>(owner: string, work: () => T): Promise<T> {
    if (this.#waiting.size === 0 && this.#spentMs < TURN_MS) return this.#timed(work);
    return new Promise<T>((resolve, reject) => {
      const own = this.#waiting.get(owner) ?? [];
      this.#waiting.set(owner, own);
      own.push(() => {
        try {
          resolve(this.#timed(work));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #timed<T>(work: () => T): T {
    const since = this.#nowMs();
    try {
      return work();
    } finally {
      this.#spentMs += this.#nowMs() - since;
      this.#turn();
    }
  }

  /** Begins to count anew once the loop has turned. */
  #turn(): void {
    if (this.#turning) return;
    this.#turning = true;
    setImmediate(() => {
      this.#turning = false;
      this.#spentMs = 0;
      for (const [owner, own] of this.#waiting) {
        if (this.#spentMs >= TURN_MS) break;
        // To the end of the line, which this loop comes to as well.
        this.#waiting.delete(owner);
        const work = own.shift()!;
        if (own.length > 0) this.#waiting.set(owner, own);
        work();
      }
    });
  }
}
