/** Thrown when a turn did not come in time: nothing was done. */
export class TurnTimedOut extends Error {
  override readonly name = "TurnTimedOut";
}

export interface KeyedQueueOptions {
  /** How many of one key may have their turn at once. */
  readonly atOnce: number;
  /** How long one waits for its turn, in milliseconds. */
  readonly waitMs: number;
}

interface Line {
  taken: number;
  readonly waiting: Set<() => void>;
}

/** Lets a few of each key go on at once. The others wait in memory, in their order, for a bounded time. */
export class KeyedQueue {
  readonly #options: KeyedQueueOptions;
  readonly #lines = new Map<string, Line>();

  constructor(options: KeyedQueueOptions) {
    this.#options = options;
  }

  /** Waits for a turn, and gives how to end it. @throws {TurnTimedOut} */
  async enter(key: string): Promise<() => void> {
    const line = this.#lines.get(key) ?? { taken: 0, waiting: new Set() };
    this.#lines.set(key, line);
    if (line.taken < this.#options.atOnce) line.taken += 1;
    else await this.#turn(line);
    let left = false;
    return () => {
      if (!left) this.#leave(key, line);
      left = true;
    };
  }

  /** Does something in its turn. @throws {TurnTimedOut} */
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
        reject(new TurnTimedOut("The turn did not come in time."));
      }, this.#options.waitMs);
      line.waiting.add(next);
    });
  }

  /** Hands the turn on: whoever waits longest has it without a gap that somebody else could slip into. */
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
