/** Thrown when a turn did not come in time: nothing was done. */
export class TurnTimedOutError extends Error {
  override readonly name = "TurnTimedOutError";
}

export interface KeyedQueueOptions {
  /** How many of one key may run at once. */
  readonly concurrency: number;
  /** How long a caller waits for its turn, in milliseconds. */
  readonly waitMs: number;
}

interface Line {
  taken: number;
  readonly waiting: Set<() => void>;
}

/** Lets a few callers of each key run at once. The others wait in memory, in their order, for a limited time. */
export class KeyedQueue {
  readonly #options: KeyedQueueOptions;
  readonly #lines = new Map<string, Line>();

  constructor(options: KeyedQueueOptions) {
    this.#options = options;
  }

  /** Waits for a turn. Gives a function that ends the turn. @throws {TurnTimedOutError} */
  async enter(key: string): Promise<() => void> {
    const line = this.#lines.get(key) ?? { taken: 0, waiting: new Set() };
    this.#lines.set(key, line);
    if (line.taken < this.#options.concurrency) line.taken += 1;
    else await this.#turn(line);
    let left = false;
    return () => {
      if (!left) this.#leave(key, line);
      left = true;
    };
  }

  /** Runs work in its turn. @throws {TurnTimedOutError} */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const leave = await this.enter(key);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  #turn(line: Line): Promise<void> {
    return new Promise((resolve, reject) => {
      const next = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        line.waiting.delete(next);
        reject(new TurnTimedOutError("The turn did not come in time."));
      }, this.#options.waitMs);
      line.waiting.add(next);
    });
  }

  /** Gives the turn to the caller that has waited longest. No new caller can take it in between. */
  #leave(key: string, line: Line): void {
    for (const next of line.waiting) {
      line.waiting.delete(next);
      next();
      return;
    }
    line.taken -= 1;
    if (line.taken === 0) this.#lines.delete(key);
  }
}
