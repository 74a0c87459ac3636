import { setStatementTimeouts } from "../../postgres/statement-timeouts.ts";
import type { ProjectionWork } from "../projection-work.ts";
import { LeaseLostError } from "./handler-failure.ts";
import { noteRetired, type Feed } from "../rows/feeds.ts";
import { deleteEndedProgress } from "../rows/progress.ts";
import { nextTransactionId, snapshotParts } from "../rows/snapshot.ts";

/** How often ended streams are looked for, in milliseconds. */
const PAUSE_MS = 60_000;

/** How long progress is kept after the end of its stream, in milliseconds: longer than any two clocks differ. */
const KEPT_MS = 86_400_000;

/** How many rows of progress one transaction deletes. */
const DELETED_ROWS = 1_000;

/** A moment, and a transaction that began then. Those that had written something before it have earlier ids. */
interface Mark {
  readonly fence: number;
  readonly atMs: number;
  readonly xid: string;
  /** Progress of streams that ended before this is to be deleted; null if all of it was. */
  readonly due: string | null;
}

/**
 * Deletes the progress of a feed's streams that have ended. The feed then counts their rows, and remembers a moment before
 * which it has read everything: so a stream that began before it, and has no progress, is known to be applied.
 */
export class ProgressRetirement {
  readonly #options: Omit<ProjectionWork, "pages">;
  readonly #marks = new Map<string, Mark>();

  constructor(options: Omit<ProjectionWork, "pages">) {
    this.#options = options;
  }

  /**
   * Deletes a page of progress, if it is time to. The feed has read all that is visible in `snapshot`. Gives the feed as it
   * is then, and whether there is more to delete.
   *
   * @throws {LeaseLostError} when another node has the lease.
   */
  async run(feed: Feed, snapshot: string): Promise<{ readonly feed: Feed; readonly more: boolean }> {
    const { projection, now } = this.#options;
    if (projection.source.isLast === undefined) return { feed, more: false };
    const key = `${feed.build} ${feed.bucket}`;
    const mark = await this.#nextMark(this.#marks.get(key), feed, snapshot, now());
    this.#marks.set(key, mark);
    if (mark.due === null) return { feed, more: false };
    const deleted = await this.#deletePage(feed, mark.due);
    const more = deleted === DELETED_ROWS;
    if (!more) this.#marks.set(key, { ...mark, due: null });
    return { feed: deleted === 0 ? feed : { ...feed, retiredBefore: mark.due }, more };
  }

  async #nextMark(mark: Mark | undefined, { fence }: Feed, snapshot: string, nowMs: number): Promise<Mark> {
    const { db } = this.#options;
    if (mark?.fence !== fence) return { fence, atMs: nowMs, xid: await nextTransactionId(db), due: null };
    // Until each transaction that had begun at the mark has ended, the feed may not have read its rows.
    const isRead = BigInt(snapshotParts(snapshot).xmin) >= BigInt(mark.xid);
    if (mark.due !== null || nowMs - mark.atMs < PAUSE_MS || !isRead) return mark;
    const due = new Date(mark.atMs - KEPT_MS).toISOString();
    return { fence, atMs: nowMs, xid: await nextTransactionId(db), due };
  }

  async #deletePage(feed: Feed, before: string): Promise<number> {
    const { db, schema, projection } = this.#options;
    return db.transaction().execute(async (tx) => {
      await setStatementTimeouts(tx, projection.handlerMs);
      const { streams, applied } = await deleteEndedProgress(tx, schema, feed, { before, limit: DELETED_ROWS });
      if (streams === 0) return 0;
      if (!(await noteRetired(tx.withSchema(schema), feed, { before, applied }))) throw new LeaseLostError();
      return streams;
    });
  }
}
