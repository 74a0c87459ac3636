import type { Kysely } from "kysely";
import { atTime, SessionsError, type Snapshot } from "@sessions/core";
import { endDue, type Court } from "./commands/decision.ts";
import { isDataError } from "../postgres/database.ts";
import { listDue } from "./rows/active.ts";
import type { Partitions } from "../postgres/partitions.ts";
import type { Tables } from "../postgres/tables.ts";
import type { Stored } from "./rows/stored.ts";
import type { Telemetry } from "../telemetry.ts";

/** How many due sessions are looked up at a time. */
const BATCH_SIZE = 200;

export interface SweeperOptions {
  readonly court: Court;
  readonly partitions: Partitions;
  readonly publish: (owner: string, snapshot: Snapshot) => void;
  readonly telemetry: Telemetry;
}

export interface SweepOptions {
  /** Told after each batch how many sessions have been ended so far. */
  readonly onProgress?: (ended: number) => void;
  /** Stops between two batches. */
  readonly signal?: AbortSignal;
}

/**
 * Ends sessions whose deadline has passed. Any number of nodes may sweep at once: a session moves only if its
 * revision is still the one that was found due, so none is moved twice, and none that was touched in time.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #db: Kysely<Tables>;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#db = options.court.db.withSchema(options.court.schema);
  }

  /** Sweeps until nothing is due. Gives how many sessions it ended. */
  async sweep({ onProgress, signal }: SweepOptions = {}): Promise<number> {
    const { court, partitions, publish, telemetry } = this.#options;
    let ended = 0;
    for (;;) {
      const dueMs = court.now();
      const due = await listDue(this.#db, new Date(dueMs).toISOString(), BATCH_SIZE);
      let moved = 0;
      for (const { owner, stored } of due) {
        const expired = atTime(stored.snapshot, dueMs);
        if (expired.status !== "expired") continue;
        await partitions.ensure(Date.parse(stored.snapshot.expiresAt));
        if (!(await this.#end(owner, stored, expired))) continue;
        publish(owner, expired);
        telemetry.swept(dueMs - Date.parse(stored.snapshot.expiresAt));
        moved += 1;
      }
      ended += moved;
      onProgress?.(ended);
      // What is left of a short batch, or of one that others moved, is another sweeper's or the next sweep's.
      if (due.length < BATCH_SIZE || moved === 0 || signal?.aborted) return ended;
    }
  }

  /** One that cannot be ended must not keep the others. */
  async #end(owner: string, stored: Stored, expired: Snapshot): Promise<boolean> {
    const { court } = this.#options;
    try {
      return await endDue(court, owner, stored, expired);
    } catch (cause) {
      if (!isDataError(cause)) throw cause;
      court.report(new SessionsError("database_failed", `Session ${stored.snapshot.id} was not ended.`, { cause }));
      return false;
    }
  }
}
