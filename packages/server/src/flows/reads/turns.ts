import type { Bounds } from "../served/bounds.ts";

/** Thrown when too much waits already. `owner`: it is this owner's own, and not the node's. */
export class TooManyReads extends Error {
  override readonly name = "TurnedAway";
  readonly owner: boolean;

  constructor(owner: boolean) {
    super("Too much waits already.");
    this.owner = owner;
  }
}

interface OwnerTurns {
  running: number;
  readonly waiting: (() => void)[];
}

type TurnsBounds = Pick<Bounds, "ownerReads" | "ownerReadsWaiting" | "nodeReads" | "nodeReadsWaiting">;

/** Work of many owners, so much at once for each and for all. What is more waits, and owners take turns. */
export class Turns {
  readonly #bounds: TurnsBounds;
  readonly #owners = new Map<string, OwnerTurns>();
  #running = 0;
  #waiting = 0;

  constructor(bounds: TurnsBounds) {
    this.#bounds = bounds;
  }

  /** Does the work when it is the owner's turn. @throws {TooManyReads} */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    const own = this.#owners.get(owner) ?? { running: 0, waiting: [] };
    this.#owners.set(owner, own);
    if (this.#running < this.#bounds.nodeReads && this.#mayRun(own)) this.#begin(own);
    else {
      if (own.waiting.length >= this.#bounds.ownerReadsWaiting) throw new TooManyReads(true);
      if (this.#waiting >= this.#bounds.nodeReadsWaiting) throw new TooManyReads(false);
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

  #mayRun(own: OwnerTurns): boolean {
    return own.running < this.#bounds.ownerReads;
  }

  #begin(own: OwnerTurns): void {
    own.running += 1;
    this.#running += 1;
  }

  #next(): void {
    for (const [owner, own] of this.#owners) {
      if (!this.#mayRun(own)) continue;
      const wake = own.waiting.shift();
      if (wake === undefined) continue;
      // To the end of the line.
      this.#owners.delete(owner);
      this.#owners.set(owner, own);
      this.#waiting -= 1;
      this.#begin(own);
      return wake();
    }
  }
}
