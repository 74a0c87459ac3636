import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { isDataError } from "../../../postgres/errors.ts";
import type { SweepOptions } from "../../../repeated-sweeps.ts";
import { deleteOldData } from "../../rows/data.ts";
import { deleteOldOffers } from "../../rows/hand-offs/offers.ts";
import { deleteOldRequests } from "../../rows/hand-offs/requests.ts";
import { deleteOldTries } from "../../rows/hand-offs/tries.ts";
import { listDue, listOutOfBucket, moveBucket, type SignInKey } from "../../rows/live.ts";
import type { SignInTables } from "../../rows/tables.ts";
import type { KeeperContext } from "../context.ts";
import type { SignInEnder } from "./sign-in-ender.ts";

/** How many rows are looked up at a time. */
const BATCH_SIZE = 500;
/** How long what is left of a hand-off is kept after it expired, in milliseconds. */
const HAND_OFFS_KEPT_MS = 600_000;

/**
 * Moves sign-ins whose deadline has passed to the archive. They are out already at their deadline. Any number of nodes may
 * sweep at once: each row moves once.
 */
export class SignInSweeper {
  readonly #context: KeeperContext;
  readonly #ender: SignInEnder;
  readonly #db: Kysely<SignInTables>;

  constructor(context: KeeperContext, ender: SignInEnder) {
    this.#context = context;
    this.#ender = ender;
    this.#db = context.db.withSchema(context.schema);
  }

  /** Sweeps until nothing is due. Gives how many sign-ins it ended. */
  async sweep({ onProgress, signal }: SweepOptions = {}): Promise<number> {
    let ended = 0;
    for (;;) {
      const due = await listDue(this.#db, this.#context.now(), BATCH_SIZE);
      let moved = 0;
      for (const row of due) if (await this.#end(row)) moved += 1;
      ended += moved;
      onProgress?.(ended);
      // What is left of a short batch, or what others moved, belongs to another sweeper or to the next sweep.
      if (due.length < BATCH_SIZE || moved === 0 || signal?.aborted) break;
    }
    for (let full = true; full && !signal?.aborted;) {
      const used = await listOutOfBucket(this.#db, this.#context.now(), BATCH_SIZE);
      for (const row of used) await moveBucket(this.#db, row, row.endsMs);
      full = used.length === BATCH_SIZE;
    }
    const beforeMs = this.#context.now() - HAND_OFFS_KEPT_MS;
    for (const remove of [deleteOldRequests, deleteOldOffers, deleteOldTries, deleteOldData]) {
      for (let full = true; full && !signal?.aborted;) {
        full = (await remove(this.#db, beforeMs, BATCH_SIZE)) === BATCH_SIZE;
      }
    }
    return ended;
  }

  /** A sign-in that cannot be ended must not stop the others from being ended. */
  async #end(row: SignInKey): Promise<boolean> {
    try {
      return await this.#ender.endExpired(row);
    } catch (cause) {
      if (!isDataError(cause)) throw cause;
      this.#context.report(new SessionsError("database_failed", `Sign-in ${row.id} was not ended.`, { cause }));
      return false;
    }
  }
}
