import type { SessionsError } from "@sessions/core/internal";
import type { ProjectionWork } from "../projection-work.ts";
import { BatchWriter } from "./batch.ts";
import { NumberedFaults } from "./numbered-faults.ts";
import { HandlerFailure } from "./handler-failure.ts";
import type { Feed, FeedPosition } from "../rows/feeds.ts";
import { ProgressRetirement } from "./progress-retirement.ts";
import { currentSnapshot } from "../rows/snapshot.ts";
import type { PageRow } from "../rows/source-pages.ts";
import { endAllWaiting } from "../rows/waiting-streams.ts";
import { UnnumberedFaults } from "./unnumbered-faults.ts";

/** How many rows are read at a time. A scan reads larger pages, for nobody waits for one of them. */
const PAGE_ROWS = 1_000;
const SCAN_ROWS = 5_000;

export interface FeedStepOptions extends ProjectionWork {
  /** Called with the fault of a row whose handler threw. */
  readonly report: (error: SessionsError) => void;
}

/** The work on a feed: a page of rows and their effects, and the new position, in one transaction. */
export class FeedStep {
  readonly #options: FeedStepOptions;
  readonly #batches: BatchWriter;
  readonly #faults: NumberedFaults;
  readonly #waiting: UnnumberedFaults;
  readonly #hasNumbers: boolean;
  readonly #retirement: ProgressRetirement;

  constructor(options: FeedStepOptions) {
    this.#options = options;
    this.#batches = new BatchWriter(options);
    this.#faults = new NumberedFaults(options, this.#batches, options.report);
    // Without numbers, only positions say what was applied.
    this.#hasNumbers = options.projection.source.number !== null;
    this.#waiting = new UnnumberedFaults(options, this.#batches, options.report);
    this.#retirement = new ProgressRetirement(options);
  }

  /**
   * Reads the next page and applies it. Gives the feed as it is then, and whether there may be more to read.
   *
   * @throws {LeaseLostError} when another node has the lease.
   */
  async run(feed: Feed): Promise<{ readonly feed: Feed; readonly rows: number; readonly more: boolean }> {
    const { snapshot, cluster } = await currentSnapshot(this.#options.db);
    if (cluster !== feed.cluster) return { feed: await this.#moveToCluster(feed, cluster), rows: 0, more: true };
    const { rows, next } = await this.#read(feed, snapshot);
    const more = next.upto !== null || next.scanning || feed.scanning;
    const isAtRest = rows.length === 0 && feed.upto === null && !feed.scanning;
    // Without rows there is nothing to note: the same snapshot finds the next ones.
    if (isAtRest && feed.buckets === 1) return { rows: 0, ...(await this.#retirement.run(feed, snapshot)) };
    await this.#apply(feed, rows, next);
    const moved = { ...feed, ...next };
    if (isAtRest) return { rows: 0, ...(await this.#retirement.run(moved, snapshot)) };
    return { feed: moved, rows: rows.length, more };
  }

  /** Tries the streams again that wait and are due. */
  retryDue(feed: Feed): Promise<void> {
    return this.#hasNumbers ? this.#faults.retryDue(feed) : this.#waiting.retryDue(feed);
  }

  /**
   * The database was restored in another cluster, whose transactions have other numbers. The feed reads all rows once more,
   * and applies those that are beyond the progress of their streams.
   */
  async #moveToCluster(feed: Feed, cluster: string): Promise<Feed> {
    const { db, schema, pages } = this.#options;
    await pages.resetFutureTransactions(db);
    const { snapshot } = await currentSnapshot(db);
    const next = { ...feed, cluster, snapshot, upto: null, after: null, scanning: true, done: 0 };
    await this.#batches.fenced(feed, next, async (tx) => {
      if (!this.#hasNumbers) await endAllWaiting(tx.withSchema(schema), feed);
    });
    return next;
  }

  async #read(feed: Feed, now: string): Promise<{ readonly rows: readonly PageRow[]; readonly next: FeedPosition }> {
    const { db, pages } = this.#options;
    const { cluster, snapshot, scanning, after, done, total, isNew, bucket, buckets, retiredBefore } = feed;
    const limit = scanning ? SCAN_ROWS : PAGE_ROWS;
    const request = { bucket, buckets, after, limit, retiredBefore };
    const upto = feed.upto ?? now;
    const rows = scanning
      ? await pages.allRows(db, snapshot, request)
      : await pages.newRows(db, snapshot, upto, request);
    const last = rows.length < limit ? undefined : rows.at(-1);
    const read = { cluster, scanning, total, done: scanning ? done + rows.length : done, isNew };
    if (last !== undefined) {
      return { rows, next: { ...read, snapshot, upto: scanning ? null : upto, after: last.place } };
    }
    const followed = { upto: null, after: null, scanning: false, isNew: false };
    return { rows, next: { ...read, ...followed, snapshot: scanning ? snapshot : upto } };
  }

  async #apply(feed: Feed, rows: readonly PageRow[], next: FeedPosition): Promise<void> {
    try {
      await this.#batches.apply(feed, rows, next);
    } catch (error) {
      if (!(error instanceof HandlerFailure)) throw error;
      if (!this.#hasNumbers) return this.#waiting.applyApart(feed, rows, next);
      await this.#faults.applyApart(feed, rows);
      await this.#batches.fenced(feed, next, () => Promise.resolve());
    }
  }
}
