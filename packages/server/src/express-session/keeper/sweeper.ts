import { randomUUID } from "node:crypto";
import type { SweepOptions } from "../../repeated-sweeps.ts";
import { deleteExpired, endLease, moveBuckets, takeLease } from "../rows/sweeps.ts";
import type { StoreDatabase } from "./store-database.ts";

/** How many rows are written at a time. */
const BATCH_SIZE = 500;
/** How long a lease lasts without a new batch, in milliseconds. */
const LEASE_MS = 60_000;
const TASK = "sweep";

/** Deletes expired sessions, on one node at a time. They are out already at their deadline. */
export class WebSessionSweeper {
  readonly #database: StoreDatabase;
  readonly #now: () => number;
  readonly #holder = randomUUID();

  constructor({ database, now }: { readonly database: StoreDatabase; readonly now: () => number }) {
    this.#database = database;
    this.#now = now;
  }

  /** Sweeps until nothing is due. Gives how many sessions it deleted: none if another node sweeps. */
  async sweep({ onProgress, signal }: SweepOptions = {}): Promise<number> {
    const { schema } = this.#database;
    let deleted = 0;
    const run = async (step: typeof deleteExpired) => {
      for (let rows = BATCH_SIZE; rows === BATCH_SIZE && !signal?.aborted;) {
        if (!(await this.#holdsLease())) return;
        rows = await this.#database.run((db) => step(db, schema, this.#now(), BATCH_SIZE));
        if (step !== deleteExpired) continue;
        deleted += rows;
        onProgress?.(deleted);
      }
    };
    await run(deleteExpired);
    await run(moveBuckets);
    await this.#database.run((db) => endLease(db, schema, TASK, this.#holder));
    return deleted;
  }

  #holdsLease(): Promise<boolean> {
    const nowMs = this.#now();
    const lease = { task: TASK, holder: this.#holder, nowMs, untilMs: nowMs + LEASE_MS };
    return this.#database.run((db) => takeLease(db, this.#database.schema, lease));
  }
}
