import type { Kysely, Transaction } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { ProjectionWork } from "../projection-work.ts";
import type { BatchWriter } from "./batch.ts";
import { HandlerFailure } from "./handler-failure.ts";
import { halvesByStream, nextTryMs, RETRIED_STREAMS, STREAM_ROWS } from "./retries.ts";
import { listDueFaults } from "../rows/faults.ts";
import type { Feed, FeedPosition, Position } from "../rows/feeds.ts";
import { streamKey, type StreamKey } from "../rows/progress.ts";
import type { PageRow } from "../rows/source-pages.ts";
import type { ProjectionTables } from "../rows/tables.ts";
import {
  endWaiting,
  insertWaiting,
  lockWaiting,
  moveWaiting,
  noteTry,
  postponeWaiting,
} from "../rows/waiting-streams.ts";

/** How soon a stream is looked at again that has come as far as the batch under way, in milliseconds. */
const SOON_MS = 1_000;

/** What became of a page of a stream: it was applied, it was the last one, or the feed has to come to a rest first. */
type PageResult = "applied" | "ended" | "early";

/**
 * The streams that wait for a row that has failed, of a source without numbers. The feed leaves their rows out. Each has a
 * position of its own, from which it follows the feed when its rows can be applied again.
 */
export class UnnumberedFaults {
  readonly #options: ProjectionWork;
  readonly #batches: BatchWriter;
  readonly #report: (error: SessionsError) => void;

  constructor(options: ProjectionWork, batches: BatchWriter, report: (error: SessionsError) => void) {
    this.#options = options;
    this.#batches = batches;
    this.#report = report;
  }

  /** Applies rows that failed together, without those of the streams that fail alone, which then wait. Moves the feed. */
  async applyApart(feed: Feed, rows: readonly PageRow[], next: FeedPosition): Promise<void> {
    const { schema, now } = this.#options;
    const failing = new Map<string, StreamKey & { readonly failure: HandlerFailure }>();
    await this.#findFailing(feed, rows, failing);
    const others = rows.filter((row) => !failing.has(streamKey(row)));
    const { snapshot, after, scanning } = feed;
    const position = { snapshot, after, scanning, upto: scanning ? null : (next.upto ?? next.snapshot) };
    const nowMs = now();
    await this.#batches.fenced(feed, next, async (tx) => {
      await this.#batches.applyIn(tx, feed, others);
      for (const { owner, stream, failure } of failing.values()) {
        const waiting = { owner, stream, position, ...failure.described };
        await insertWaiting(tx.withSchema(schema), feed, waiting, { nowMs, nextMs: nowMs });
      }
    });
  }

  /** Tries the streams again that are due. */
  async retryDue(feed: Feed): Promise<void> {
    const { db, schema, now } = this.#options;
    for (const due of await listDueFaults(db.withSchema(schema), feed, now(), RETRIED_STREAMS)) {
      await this.#follow(feed, due);
    }
  }

  /** Finds the streams that fail alone, in transactions that are all rolled back. */
  async #findFailing(
    feed: Feed,
    rows: readonly PageRow[],
    failing: Map<string, StreamKey & { readonly failure: HandlerFailure }>,
  ): Promise<void> {
    if (rows.length === 0) return;
    try {
      await this.#batches.tryOut((tx) => this.#batches.applyIn(tx, feed, rows));
      return;
    } catch (failure) {
      if (!(failure instanceof HandlerFailure)) throw failure;
      const [{ owner, stream }] = rows as [PageRow];
      const halves = halvesByStream(rows);
      if (halves[1].length === 0) return void failing.set(streamKey({ owner, stream }), { owner, stream, failure });
      for (const half of halves) await this.#findFailing(feed, half, failing);
    }
  }

  /** Applies what a stream has beyond its position, until it is as far as the feed or a row fails. */
  async #follow(feed: Feed, stream: StreamKey): Promise<void> {
    let limit = STREAM_ROWS;
    for (;;) {
      const tried: { position?: Position; place?: string; number?: number; tries?: number } = {};
      try {
        const result = await this.#batches.fenced(feed, feed, (tx) => this.#applyPage(tx, feed, stream, limit, tried));
        if (result !== "applied") return;
      } catch (error) {
        if (!(error instanceof HandlerFailure)) throw error;
        if (limit === 1) return await this.#note(feed, stream, tried as Required<typeof tried>, error);
        limit = Math.ceil(limit / 2);
      }
    }
  }

  async #applyPage(
    tx: Transaction<ProjectionTables>,
    feed: Feed,
    stream: StreamKey,
    limit: number,
    tried: { position?: Position; place?: string; number?: number; tries?: number },
  ): Promise<PageResult> {
    const { schema, now } = this.#options;
    const rows: Kysely<ProjectionTables> = tx.withSchema(schema);
    const waiting = await lockWaiting(rows, feed, stream);
    if (waiting === undefined) return "ended";
    const { position } = waiting;
    if (!position.scanning && position.upto === null) {
      if (feed.scanning || feed.upto !== null) {
        await postponeWaiting(rows, feed, stream, now() + SOON_MS);
        return "early";
      }
      if (position.snapshot === feed.snapshot) {
        await endWaiting(rows, feed, stream);
        return "ended";
      }
    }
    const { page, reading, next } = await this.#read(tx, feed, position, stream, limit);
    Object.assign(tried, { ...waiting, position: reading, place: page.at(-1)?.place });
    await this.#batches.handle(tx, feed, page, reading);
    await moveWaiting(rows, feed, stream, { position: next, rows: page.length });
    return "applied";
  }

  /** The next rows of a stream, and its position before and after them. */
  async #read(tx: Transaction<ProjectionTables>, feed: Feed, position: Position, stream: StreamKey, limit: number) {
    const { pages } = this.#options;
    const { snapshot, scanning, after } = position;
    const request = { bucket: 0, buckets: 1, after, limit, retiredBefore: null, stream };
    const upto = scanning ? null : (position.upto ?? feed.snapshot);
    const page =
      upto === null ? await pages.allRows(tx, snapshot, request) : await pages.newRows(tx, snapshot, upto, request);
    const reading: Position = { snapshot, scanning, after, upto };
    const last = page.length < limit ? undefined : page.at(-1);
    const next: Position =
      last === undefined
        ? { snapshot: upto ?? snapshot, upto: null, after: null, scanning: false }
        : { ...reading, after: last.place };
    return { page, reading, next };
  }

  async #note(
    feed: Feed,
    stream: StreamKey,
    tried: { readonly position: Position; readonly place: string; readonly number: number; readonly tries: number },
    failure: HandlerFailure,
  ): Promise<void> {
    const { schema, projection, now } = this.#options;
    const tries = tried.tries + 1;
    const note = { ...tried, tries, cause: failure.described, nextMs: nextTryMs(tries, now()) };
    await this.#batches.fenced(feed, feed, (tx) => noteTry(tx.withSchema(schema), feed, stream, note));
    this.#report(
      new SessionsError(
        "projection_failed",
        `Projection ${projection.name}: its handler threw at an entry of ${stream.stream}, which waits. Others go on.`,
        { cause: failure.cause },
      ),
    );
  }
}
