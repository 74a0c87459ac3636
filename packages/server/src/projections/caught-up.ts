import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { Projection } from "./projection.ts";
import { bucketOf } from "./rows/buckets.ts";
import { listProjections } from "./rows/builds.ts";
import { hasFault } from "./rows/faults.ts";
import { listFeeds, type Feed } from "./rows/feeds.ts";
import { loadProgress } from "./rows/progress.ts";
import { currentSnapshot } from "./rows/snapshot.ts";
import type { SourcePages } from "./rows/source-pages.ts";
import type { ProjectionTables } from "./rows/tables.ts";

/** One session of an owner, or everything that is committed now. */
export type CaughtUpWith = "now" | { readonly owner: string; readonly session: string };

/** The first and the longest pause between two looks, in milliseconds. */
const PAUSE_MS = 10;
const MAX_PAUSE_MS = 200;

export interface CaughtUpOptions {
  readonly db: Kysely<ProjectionTables>;
  readonly schema: string;
  readonly projection: Projection;
  readonly pages: SourcePages;
  readonly timeMs: number;
}

/**
 * Resolves when the live build has applied what was committed when it was called.
 *
 * @throws {SessionsError} `projection_failed` when the session waits, `projection_late` when it takes longer.
 */
export async function waitUntilCaughtUp(options: CaughtUpOptions, what: CaughtUpWith): Promise<void> {
  const { db, schema, projection, pages, timeMs } = options;
  const isApplied = what === "now" ? await everything() : await ofSession(what);
  const endMs = performance.now() + timeMs;
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    const live = await liveFeeds(db.withSchema(schema), projection.name);
    if (live.length > 0 && (await isApplied(live))) return;
    if (performance.now() + pauseMs > endMs) {
      throw new SessionsError(
        "projection_late",
        `Projection ${projection.name} has not caught up within ${timeMs} ms. \`sessions projections list\` says how far it is.`,
      );
    }
    await sleep(pauseMs);
  }

  async function everything() {
    const { snapshot, cluster: here } = await currentSnapshot(db);
    return async (feeds: readonly Feed[]) => {
      // A snapshot of another cluster says nothing here.
      const isAtRest = feeds.every(({ cluster, scanning, upto }) => cluster === here && !scanning && upto === null);
      if (!isAtRest) return false;
      for (const feed of feeds) {
        const request = { bucket: feed.bucket, buckets: feed.buckets, after: null, limit: 1, retiredBefore: null };
        if ((await pages.newRows(db, feed.snapshot, snapshot, request)).length > 0) return false;
      }
      return true;
    };
  }

  async function ofSession({ owner, session: stream }: Exclude<CaughtUpWith, "now">) {
    const { head, begunAt } = await pages.headOfStream(db, owner, stream);
    return async (feeds: readonly Feed[]) => {
      const feed = feeds.find(({ bucket, buckets }) => bucket === bucketOf(stream, buckets));
      const [progress] = [...(await loadProgress(db, schema, feed!, [{ owner, stream }])).values()];
      if ((progress?.applied ?? 0) >= head) return true;
      const retiredBefore = feed?.retiredBefore ?? null;
      // Its progress was deleted after all of it was applied.
      if (progress === undefined && retiredBefore !== null) return Date.parse(begunAt!) < Date.parse(retiredBefore);
      if (!progress?.waiting || !(await hasFault(db.withSchema(schema), feed!, progress))) return false;
      throw new SessionsError(
        "projection_failed",
        `Projection ${projection.name} waits at entry ${progress.applied + 1} of ${stream}: its handler threw.`,
      );
    };
  }
}

/** The feeds of the live build. */
async function liveFeeds(db: Kysely<ProjectionTables>, name: string): Promise<readonly Feed[]> {
  const live = (await listProjections(db)).find((projection) => projection.name === name)?.live;
  return (await listFeeds(db)).filter(({ projection, build }) => projection === name && build === live);
}
