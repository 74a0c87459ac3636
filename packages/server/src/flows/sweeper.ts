import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { Expiry } from "./expiry.ts";
import { isDataError } from "../postgres/errors.ts";
import { listDueSessions } from "./rows/active.ts";
import type { Tables } from "./rows/tables.ts";
import type { StoredSession } from "./rows/stored-session.ts";
import type { SweepOptions } from "../repeated-sweeps.ts";
import type { Telemetry } from "../telemetry.ts";

/** How many due sessions are looked up at a time. */
const BATCH_SIZE = 200;

export interface SweeperOptions {
  readonly db: Kysely<Tables>;
  readonly schema: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly expiry: Pick<Expiry, "endIfDue">;
  readonly telemetry: Telemetry;
  readonly report: (error: SessionsError) => void;
}

/**
 * Ends sessions whose deadline has passed. Any number of nodes may sweep at once. A session moves only if it still has the
 * revision that was found due. So none is moved twice, and none that was changed in time is moved.
 */
export class SessionSweeper {
  readonly #options: SweeperOptions;
  readonly #db: Kysely<Tables>;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#db = options.db.withSchema(options.schema);
  }

  /** Sweeps until nothing is due. Gives how many sessions it ended. */
  async sweep({ onProgress, signal }: SweepOptions = {}): Promise<number> {
    const { now, telemetry } = this.#options;
    let ended = 0;
    for (;;) {
      const dueMs = now();
      const due = await listDueSessions(this.#db, new Date(dueMs).toISOString(), BATCH_SIZE);
      let moved = 0;
      for (const { owner, stored } of due) {
        if (!(await this.#end(owner, stored))) continue;
        telemetry.recordSweep(dueMs - Date.parse(stored.snapshot.expiresAt));
        moved += 1;
      }
      ended += moved;
      onProgress?.(ended);
      // Sessions that are left of a short batch, or that others moved, belong to another sweeper or to the next sweep.
      if (due.length < BATCH_SIZE || moved === 0 || signal?.aborted) return ended;
    }
  }

  /** A session that cannot be ended must not stop the others from being ended. */
  async #end(owner: string, stored: StoredSession): Promise<boolean> {
    try {
      return await this.#options.expiry.endIfDue(owner, stored);
    } catch (cause) {
      if (!isDataError(cause)) throw cause;
      this.#options.report(
        new SessionsError("database_failed", `Session ${stored.snapshot.id} was not ended.`, { cause }),
      );
      return false;
    }
  }
}
