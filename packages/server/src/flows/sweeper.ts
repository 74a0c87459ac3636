import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { Expiry } from "./expiry.ts";
import { isDataError } from "../postgres/errors.ts";
import { listDueSessions, type DueSession } from "./rows/active.ts";
import { sessionFromRow, type CipherOf } from "./rows/row.ts";
import type { Tables } from "./rows/tables.ts";
import type { OwnerCiphers } from "../secrets/owner-ciphers.ts";
import type { SweepOptions } from "../repeated-sweeps.ts";
import type { Telemetry } from "../telemetry.ts";

/** How many due sessions are looked up at a time. */
const BATCH_SIZE = 200;

export interface SweeperOptions {
  readonly db: Kysely<Tables>;
  readonly schema: string;
  readonly ciphers: OwnerCiphers;
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
      for (const row of due) {
        const expiresAt = await this.#end(row);
        if (expiresAt === null) continue;
        telemetry.recordSweep(dueMs - Date.parse(expiresAt));
        moved += 1;
      }
      ended += moved;
      onProgress?.(ended);
      // Sessions that are left of a short batch, or that others moved, belong to another sweeper or to the next sweep.
      if (due.length < BATCH_SIZE || moved === 0 || signal?.aborted) return ended;
    }
  }

  /** Gives the deadline of a session that it ended. A session that cannot be ended must not stop the others from being ended. */
  async #end(row: DueSession): Promise<string | null> {
    const { ciphers, expiry, report } = this.#options;
    try {
      const cipherOf: CipherOf = (owner, generation) => ciphers.forReading(owner, generation);
      const stored = await sessionFromRow(cipherOf, row.owner, row);
      return (await expiry.endIfDue(row.owner, stored)) ? stored.snapshot.expiresAt : null;
    } catch (cause) {
      if (cause instanceof SessionsError) report(cause);
      else if (!isDataError(cause)) throw cause;
      else report(new SessionsError("database_failed", `Session ${row.session} was not ended.`, { cause }));
      return null;
    }
  }
}
