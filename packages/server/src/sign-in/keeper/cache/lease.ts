export interface LeaseOptions {
  /** How long a look is good for, in milliseconds. */
  readonly leaseMs: number;
  /** A clock that never goes back, in milliseconds. */
  readonly elapsedMs: () => number;
  /** Learns what has changed since the last look. */
  readonly look: () => Promise<void>;
}

/**
 * Lets this node believe its cache for a time after it has looked at what changed. All requests share a look. If a third of
 * the lease has passed, the next request renews it. While something listens for ends, a timer does this too.
 */
export class Lease {
  readonly #options: LeaseOptions;
  /** The time before the last look that succeeded: a change after it may have been missed. */
  #lookedMs = -Infinity;
  #looking: Promise<void> | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Whether the cache may be believed now. It also begins to renew the lease, if a third of it has passed. */
  checkAndRenew(): boolean {
    const { leaseMs, elapsedMs } = this.#options;
    const ageMs = elapsedMs() - this.#lookedMs;
    // A request that comes when the lease has ended hears of the fault.
    if (ageMs >= leaseMs / 3 && ageMs < leaseMs) this.renew().catch(() => {});
    return ageMs < leaseMs;
  }

  /** Looks. Joins a look that is under way: the lease counts from its start. */
  renew(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { elapsedMs, look } = this.#options;
    const lookedMs = elapsedMs();
    await look();
    this.#lookedMs = Math.max(this.#lookedMs, lookedMs);
  }
}
