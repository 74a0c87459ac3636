import { setTimeout as wait } from "node:timers/promises";
import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { Committer, type Write } from "../../postgres/committer.ts";
import { databaseFault, isDataError, isTransient } from "../../postgres/errors.ts";
import type { Partitions } from "../../postgres/partitions.ts";
import { withTimeLimit } from "../../time-limit.ts";
import { activityFault } from "../fault.ts";
import { OwnerShares } from "./owner-shares.ts";
import { insertEvents, type EventRow } from "../rows/events.ts";
import type { ActivityTables } from "../rows/tables.ts";

/** The most events in one statement. */
const BATCH_SIZE = 500;
/** How long the database may be away before a call fails, in milliseconds. A restart takes about a second. */
const AWAY_MS = 2_000;
const RETRY_MS = 100;
/** How long one statement may take, in milliseconds. */
const ANSWER_MS = 10_000;

interface EventWrite extends Write {
  readonly row: EventRow;
}

export interface RecorderOptions {
  readonly db: Kysely<ActivityTables>;
  readonly schema: string;
  readonly partitions: Partitions;
  readonly queueSize: number;
}

/** Writes events: those that come while a statement runs share the next one. */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #committer: Committer<EventWrite>;
  readonly #shares: OwnerShares;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#shares = new OwnerShares(Math.ceil(options.queueSize / 10));
    this.#committer = new Committer({
      commit: (batch) => this.#write(batch),
      isTransient,
      isFaultOfOneWrite: isDataError,
      batchSize: BATCH_SIZE,
      queueSize: options.queueSize,
    });
  }

  /** How many events wait. */
  get depth(): number {
    return this.#committer.depth;
  }

  /** Resolves when the event is stored. @throws {SessionsError} `queue_full`: then nothing was written. */
  async record(row: EventRow): Promise<void> {
    if (this.depth >= this.#options.queueSize) throw queueFull("Too many events wait on this node.");
    if (!this.#shares.take(row.owner)) throw queueFull("Too many events of this owner wait on this node.");
    try {
      await this.#committer.commit({ key: `${row.owner} ${row.id}`, row });
    } catch (error) {
      throw activityFault(error);
    } finally {
      this.#shares.giveBack(row.owner);
    }
  }

  /** Resolves when nothing waits any more. */
  drain(): Promise<void> {
    return this.#committer.drain();
  }

  /** The same batch, written twice, is the batch written once: so it is written again after a lost connection. */
  async #write(batch: readonly EventWrite[]): Promise<readonly boolean[]> {
    const { db, schema, partitions } = this.#options;
    const untilMs = performance.now() + AWAY_MS;
    const rows = batch.map(({ row }) => row);
    for (;;) {
      try {
        for (const { atMs } of rows) await partitions.ensure(atMs);
        await withTimeLimit(ANSWER_MS, insertEvents(db, schema, rows), () => {
          throw new SessionsError("database_unreachable", `It did not answer within ${ANSWER_MS} ms.`);
        });
        return batch.map(() => true);
      } catch (error) {
        if (databaseFault(error)?.code !== "database_unreachable" || performance.now() > untilMs) throw error;
        await wait(RETRY_MS);
      }
    }
  }
}

function queueFull(detail: string): SessionsError {
  return new SessionsError("queue_full", `${detail} Nothing was recorded.`);
}
