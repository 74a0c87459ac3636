import type { SweepOptions } from "./repeated-sweeps.ts";

/** How many entries one statement deletes. */
const BATCH_SIZE = 1_000;

export interface AuditSweeperOptions {
  /** For how long an entry is kept, in milliseconds. */
  readonly keptMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Deletes at most so many entries that are older than a moment. Gives how many. */
  deleteBefore(beforeMs: number, atMost: number): Promise<number>;
}

/** Deletes entries of an audit that are old. Any number of nodes may sweep at once. */
export class AuditSweeper {
  readonly #options: AuditSweeperOptions;

  constructor(options: AuditSweeperOptions) {
    this.#options = options;
  }

  /** Gives how many entries were deleted. */
  async sweep({ signal }: SweepOptions = {}): Promise<number> {
    const { keptMs, now, deleteBefore } = this.#options;
    let deleted = 0;
    while (!signal?.aborted) {
      const batch = await deleteBefore(now() - keptMs, BATCH_SIZE);
      deleted += batch;
      if (batch < BATCH_SIZE) break;
    }
    return deleted;
  }
}
