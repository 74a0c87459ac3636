import type { Kysely, Transaction } from "kysely";
import type { ApplicationTables } from "../postgres/application-tables.ts";
import { setStatementTimeouts } from "../postgres/statement-timeouts.ts";
import { withTimeLimit } from "../time-limit.ts";
import { HandlerFailure, isOutage } from "./handler-failure.ts";
import type { Projection } from "./projection.ts";
import { moveFeed, type Feed, type FeedPosition } from "./rows/feeds.ts";
import { currentSnapshot } from "./rows/snapshot.ts";
import type { PageRow, SourcePages } from "./rows/source-pages.ts";
import { moveProgress, type ProgressMove } from "./rows/progress.ts";
import type { ProjectionTables } from "./rows/tables.ts";
import { nextOfStreams, type StreamRows } from "./stream-rows.ts";

/** How many rows are read at a time. A scan reads larger pages, for nobody waits for one of them. */
const PAGE_ROWS = 1_000;
const SCAN_ROWS = 5_000;

export interface FeedStepOptions {
  readonly db: Kysely<ProjectionTables>;
  readonly schema: string;
  readonly projection: Projection;
  readonly pages: SourcePages;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The lease has another holder by now. The transaction is rolled back, and nothing has happened. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}

/** One step of a feed: a page of rows, their effects, and the new position, in one transaction. */
export class FeedStep {
  readonly #options: FeedStepOptions;

  constructor(options: FeedStepOptions) {
    this.#options = options;
  }

  /**
   * Reads the next page and applies it. Gives the feed as it is then, and whether there may be more to read.
   *
   * @throws {LeaseLostError} when another node has the lease.
   */
  async run(feed: Feed): Promise<{ readonly feed: Feed; readonly rows: number; readonly more: boolean }> {
    const { snapshot } = await currentSnapshot(this.#options.db);
    const { rows, next } = await this.#read(feed, snapshot);
    const more = next.upto !== null || next.scanning || feed.scanning;
    // Without rows there is nothing to note: the same snapshot finds the next ones.
    if (rows.length === 0 && feed.upto === null && !feed.scanning && this.#options.projection.buckets === 1) {
      return { feed, rows: 0, more };
    }
    await this.#apply(feed, rows, next);
    return { feed: { ...feed, ...next }, rows: rows.length, more };
  }

  async #read(feed: Feed, now: string): Promise<{ readonly rows: readonly PageRow[]; readonly next: FeedPosition }> {
    const { db, projection, pages } = this.#options;
    const { cluster, snapshot, scanning, after, done, total } = feed;
    const limit = scanning ? SCAN_ROWS : PAGE_ROWS;
    const request = { bucket: feed.bucket, buckets: projection.buckets, after, limit };
    const upto = feed.upto ?? now;
    const rows = scanning
      ? await pages.allRows(db, snapshot, request)
      : await pages.newRows(db, snapshot, upto, request);
    const last = rows.length < limit ? undefined : rows.at(-1);
    const read = { cluster, scanning, total, done: scanning ? done + rows.length : done };
    if (last !== undefined) {
      return { rows, next: { ...read, snapshot, upto: scanning ? null : upto, after: last.place } };
    }
    return { rows, next: { ...read, snapshot: scanning ? snapshot : upto, upto: null, after: null, scanning: false } };
  }

  /** All rows in one transaction, with the position. */
  async #apply(feed: Feed, rows: readonly PageRow[], next: FeedPosition): Promise<void> {
    const { db, schema, projection, pages } = this.#options;
    await db.transaction().execute(async (tx) => {
      await setStatementTimeouts(tx, projection.handlerMs);
      const streams: readonly StreamRows[] =
        projection.source.number === null ? [] : await nextOfStreams(tx, schema, feed, pages, rows);
      const given = projection.source.number === null ? rows : streams.flatMap((stream) => stream.rows);
      await this.#handle(given, tx);
      const moves: readonly ProgressMove[] = streams.map(({ owner, stream, from, rows: applied }) => ({
        owner,
        stream,
        from,
        applied: applied.at(-1)!.number!,
      }));
      if (!(await moveProgress(tx, schema, feed, moves))) throw new LeaseLostError();
      if (!(await moveFeed(tx.withSchema(schema), feed, next, this.#options.now()))) throw new LeaseLostError();
    });
  }

  async #handle(rows: readonly PageRow[], tx: Transaction<ProjectionTables>): Promise<void> {
    const { name, source, handlerMs, ...projection } = this.#options.projection;
    const entries = rows.map((row) => source.read(row)).filter((entry) => entry !== null);
    if (entries.length === 0) return;
    const failed = (cause: unknown) => new HandlerFailure(`Projection ${name}: its handler threw.`, { cause });
    const late = () => {
      throw failed(new Error(`It was not done within ${handlerMs} ms.`));
    };
    const work = async () => {
      try {
        // The application's tables are in the same database, in the schema that its search path names.
        await projection.apply(entries, { tx: tx as unknown as Transaction<ApplicationTables> });
      } catch (cause) {
        throw isOutage(cause) ? cause : failed(cause);
      }
    };
    await withTimeLimit(handlerMs, work(), late);
  }
}
