import type { Bounds } from "../configuration/bounds.ts";

/** Thrown when too many reads wait: those of this owner if `isOwners`, else those of the node. */
export class TooManyReadsError extends Error {
  override readonly name = "TooManyReadsError";
  readonly isOwners: boolean;

  constructor(owner: boolean) {
    super("Too many reads wait.");
    this.isOwners = owner;
  }
}

interface OwnerQueue {
  running: number;
  readonly waiting: (() => void)[];
}

type ReadQueueBounds = Pick<Bounds, "ownerReads" | "ownerReadsWaiting" | "nodeReads" | "nodeReadsWaiting">;

/** Limits how many reads run at once, for each owner and for the node. Other reads wait, and owners take turns. */
export class ReadQueue {
  readonly #bounds: ReadQueueBounds;
  readonly #owners = new Map<string, OwnerQueue>();
  #running = 0;
  #waiting = 0;

  constructor(bounds: ReadQueueBounds) {
    this.#bounds = bounds;
  }

  /** Runs a read when it is the owner's turn. @throws {TooManyReadsError} */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    const own = this.#owners.get(owner) ?? { running: 0, waiting: [] };
    this.#owners.set(owner, own);
    if (this.#running < this.#bounds.nodeReads && this.#mayRun(own)) this.#begin(own);
    else {
      if (own.waiting.length >= this.#bounds.ownerReadsWaiting) throw new TooManyReadsError(true);
      if (this.#waiting >= this.#bounds.nodeReadsWaiting) throw new TooManyReadsError(false);
      this.#waiting += 1;
      await new Promise<void>((resolve) => own.waiting.push(resolve));
    }
    try {
      return await work();
    } finally {
      this.#running -= 1;
      own.running -= 1;
      if (own.running === 0 && own.waiting.length === 0) this.#owners.delete(owner);
      this.#next();
    }
  }

  #mayRun(own: OwnerQueue): boolean {
    return own.running < this.#bounds.ownerReads;
  }

  #begin(own: OwnerQueue): void {
    own.running += 1;
    this.#running += 1;
  }

  #next(): void {
    for (const [owner, own] of this.#owners) {
      if (!this.#mayRun(own)) continue;
      const wake = own.waiting.shift();
      if (wake === undefined) continue;
      // The owner goes to the end of the map.
      this.#owners.delete(owner);
      this.#owners.set(owner, own);
      this.#waiting -= 1;
      this.#begin(own);
      return wake();
    }
  }
}
