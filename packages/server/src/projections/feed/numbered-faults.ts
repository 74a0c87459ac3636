import { SessionsError } from "@sessions/core/internal";
import type { ProjectionWork } from "../projection-work.ts";
import type { BatchWriter } from "./batch.ts";
import { HandlerFailure } from "./handler-failure.ts";
import { halvesByStream, nextTryMs, RETRIED_STREAMS, STREAM_ROWS } from "./retries.ts";
import { endFault, listDueFaults, noteFault } from "../rows/faults.ts";
import type { Feed } from "../rows/feeds.ts";
import { adoptProgress, loadProgress, streamKey, type StreamKey } from "../rows/progress.ts";
import type { PageRow } from "../rows/source-pages.ts";

/** Applies rows of which one has failed, and the streams that wait for such a row, of a source with numbers. */
export class NumberedFaults {
  readonly #options: ProjectionWork;
  readonly #batches: BatchWriter;
  readonly #report: (error: SessionsError) => void;

  constructor(options: ProjectionWork, batches: BatchWriter, report: (error: SessionsError) => void) {
    this.#options = options;
    this.#batches = batches;
    this.#report = report;
  }

  /** Applies rows that failed together: those of half of the streams, and of the other half, down to one stream. The feed stays where it is. */
  async applyApart(feed: Feed, rows: readonly PageRow[]): Promise<void> {
    const halves = halvesByStream(rows);
    if (halves[1].length === 0) return this.#advance(feed, rows[0]!);
    for (const half of halves) {
      try {
        await this.#batches.apply(feed, half, feed);
      } catch (error) {
        if (!(error instanceof HandlerFailure)) throw error;
        await this.applyApart(feed, half);
      }
    }
  }

  /** Tries the streams again that are due. */
  async retryDue(feed: Feed): Promise<void> {
    const { db, schema, now } = this.#options;
    const due = await listDueFaults(db.withSchema(schema), feed, now(), RETRIED_STREAMS);
    for (const stream of due) await this.#advance(feed, stream);
  }

  /** Applies what a stream has beyond its progress, until all of it is applied or a row fails. */
  async #advance(feed: Feed, stream: StreamKey): Promise<void> {
    let limit = STREAM_ROWS;
    for (;;) {
      const failed: { number?: number } = {};
      try {
        if (await this.#batches.fenced(feed, feed, (tx) => this.#applyNext(tx, feed, stream, limit, failed))) return;
      } catch (error) {
        if (!(error instanceof HandlerFailure)) throw error;
        if (limit > 1) {
          limit = Math.ceil(limit / 2);
          continue;
        }
        await this.#note(feed, stream, failed.number!, error);
        return;
      }
    }
  }

  /** True if nothing is left. Then the stream waits no more. */
  async #applyNext(
    tx: Parameters<Parameters<BatchWriter["fenced"]>[2]>[0],
    feed: Feed,
    stream: StreamKey,
    limit: number,
    failed: { number?: number },
  ): Promise<boolean> {
    const { schema, pages } = this.#options;
    const { owner, stream: id } = stream;
    const key = streamKey(stream);
    const known = await loadProgress(tx, schema, feed, [stream]);
    const adopted = known.has(key) ? known : await adoptProgress(tx, schema, feed, [stream]);
    const progress = known.get(key) ?? adopted.get(key);
    const { applied: from = 0, waiting = false } = progress ?? {};
    const { retiredBefore } = feed;
    const rows = await pages.rowsOfStream(tx, {
      owner,
      stream: id,
      applied: from,
      before: null,
      limit,
      retiredBefore,
    });
    if (progress === undefined && rows[0]?.isOld) return true;
    if (rows.length > 0) {
      failed.number = rows[0]!.number!;
      await this.#batches.handleStreams(tx, feed, [{ owner, stream: id, from, rows }]);
    }
    if (rows.length === limit) return false;
    if (waiting) await endFault(tx.withSchema(schema), feed, stream);
    return true;
  }

  async #note(feed: Feed, { owner, stream }: StreamKey, number: number, failure: HandlerFailure): Promise<void> {
    const { schema, projection, now } = this.#options;
    const nowMs = now();
    const nextMs = (tries: number) => nextTryMs(tries, nowMs);
    const fault = { owner, stream, number, ...failure.described };
    await this.#batches.fenced(feed, feed, (tx) => noteFault(tx.withSchema(schema), feed, fault, { nowMs, nextMs }));
    this.#report(
      new SessionsError(
        "projection_failed",
        `Projection ${projection.name}: its handler threw at entry ${number} of ${stream}, which waits. Others go on.`,
        { cause: failure.cause },
      ),
    );
  }
}
