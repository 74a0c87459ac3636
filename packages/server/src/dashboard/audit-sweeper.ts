import type { SweepOptions } from "../repeated-sweeps.ts";
import { deleteAuditBefore } from "./rows/audit.ts";
import type { DashboardSource } from "./rows/tables.ts";

/** How many entries one statement deletes. */
const BATCH_SIZE = 1_000;

export interface AuditSweeperOptions {
  readonly source: DashboardSource;
  /** For how long an entry is kept, in milliseconds. */
  readonly keptMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Resolves once the table is there. */
  readonly ready: () => Promise<void>;
}

/** Deletes entries of the audit that are old. Any number of nodes may sweep at once. */
export class AuditSweeper {
  readonly #options: AuditSweeperOptions;

  constructor(options: AuditSweeperOptions) {
    this.#options = options;
  }

  /** Gives how many entries were deleted. */
  async sweep({ signal }: SweepOptions = {}): Promise<number> {
    const { source, keptMs, now, ready } = this.#options;
    await ready();
    let deleted = 0;
    while (!signal?.aborted) {
      const batch = await deleteAuditBefore(source, now() - keptMs, BATCH_SIZE);
      deleted += batch;
      if (batch < BATCH_SIZE) break;
    }
    return deleted;
  }
}
