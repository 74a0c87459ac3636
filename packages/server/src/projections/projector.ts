import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Projection } from "./projection.ts";
import { FeedStep, LeaseLostError } from "./feed-step.ts";
import { beat, insertFeeds, releaseLeases, takeLease, type Feed } from "./rows/feeds.ts";
import { currentSnapshot } from "./rows/snapshot.ts";
import { SourcePages } from "./rows/source-pages.ts";
import type { ProjectionTables } from "./rows/tables.ts";

/** How often a node looks for work, in milliseconds. It is the only statement of a node that has nothing to do. */
const POLL_MS = 1_000;

/** A lease that its holder has not renewed for so long, in milliseconds, may be taken by another node. */
const LEASE_MS = 2_500;

/** The shortest time between two looks that found nothing, in milliseconds: notices of drafts wake a node for nothing. */
const PAUSE_MS = 50;

/** The longest wait after an error, in milliseconds. */
const MAX_BACKOFF_MS = 10_000;

export interface ProjectorOptions {
  readonly db: Kysely<ProjectionTables>;
  readonly schema: string;
  /** This node's name among all nodes. */
  readonly node: string;
  readonly projections: readonly Projection[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly report: (error: unknown) => void;
  readonly pollMs?: number;
  readonly leaseMs?: number;
}

interface Work {
  readonly projection: Projection;
  readonly pages: SourcePages;
  readonly step: FeedStep;
}

/** A feed whose lease this node holds, and the loop that works on it. */
interface HeldFeed {
  feed: Feed;
  isWanted: boolean;
  readonly stop: AbortController;
  running: Promise<void> | undefined;
}

const keyOf = ({ projection, build, bucket }: Feed) => `${projection} ${build} ${bucket}`;

/** Works on the feeds whose leases this node holds, and takes the leases that nobody holds. */
export class Projector {
  readonly #options: ProjectorOptions;
  readonly #rows: Kysely<ProjectionTables>;
  readonly #work: ReadonlyMap<string, Work>;
  readonly #held = new Map<string, HeldFeed>();
  /** Since when each lease of others has not been renewed, by this process' own clock. */
  readonly #seen = new Map<string, { readonly beat: string; readonly atMs: number }>();
  readonly #stop = new AbortController();
  #polling: Promise<void> | undefined;

  constructor(options: ProjectorOptions) {
    const { db, schema, projections, now } = options;
    this.#options = options;
    this.#rows = db.withSchema(schema);
    this.#work = new Map(
      projections.map((projection) => {
        const pages = new SourcePages(schema, projection.source);
        return [projection.name, { projection, pages, step: new FeedStep({ db, schema, projection, pages, now }) }];
      }),
    );
  }

  /** Begins the builds that are missing, and works until `close`. */
  async start(): Promise<void> {
    const { db, schema, now } = this.#options;
    const { snapshot, cluster } = await currentSnapshot(db);
    for (const { projection, pages } of this.#work.values()) {
      const total = await pages.estimate(db, schema);
      const position = { cluster, snapshot, upto: null, after: null, scanning: true, done: 0, total };
      await insertFeeds(
        this.#rows,
        { projection: projection.name, build: 1, buckets: projection.buckets },
        position,
        now(),
      );
    }
    this.#polling ??= this.#poll();
  }

  /** Looks for new rows now: somebody has committed something. */
  wake(): void {
    for (const held of this.#held.values()) this.#want(held);
  }

  /** Ends the work after the running batches, and gives the leases back. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#polling;
    for (const held of this.#held.values()) held.stop.abort();
    for (const { running } of this.#held.values()) await running;
    this.#held.clear();
    await releaseLeases(this.#rows, this.#options.node).catch(() => {});
  }

  async #poll(): Promise<void> {
    const { pollMs = POLL_MS, report } = this.#options;
    const { signal } = this.#stop;
    let reported = false;
    while (!signal.aborted) {
      try {
        await this.#look();
        reported = false;
      } catch (error) {
        // An outage is reported once, and not every second.
        if (!reported) report(error);
        reported = true;
      }
      await sleep(pollMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const { node } = this.#options;
    const news = new Map([...this.#work].map(([name, { pages }]) => [name, pages.hasNews()]));
    const feeds = (await beat(this.#rows, node, news)).filter(({ projection }) => this.#work.has(projection));
    for (const feed of feeds) {
      if (this.#stop.signal.aborted) return;
      const held = this.#held.get(keyOf(feed));
      if (held !== undefined && feed.fence === held.feed.fence) {
        if (feed.news) this.#want(held);
      } else if (held !== undefined && feed.fence > held.feed.fence) {
        this.#drop(held);
      } else if (held === undefined && this.#isFree(feed)) {
        const taken = await takeLease(this.#rows, feed, node);
        if (taken !== undefined) this.#hold(taken);
      }
    }
  }

  /** Clocks of nodes are not compared: a lease is free when this node has not seen it renewed for a while. */
  #isFree(feed: Feed): boolean {
    if (feed.holder === null) return true;
    const nowMs = performance.now();
    const seen = this.#seen.get(keyOf(feed));
    if (seen?.beat !== feed.beat) this.#seen.set(keyOf(feed), { beat: feed.beat, atMs: nowMs });
    return seen?.beat === feed.beat && nowMs - seen.atMs >= (this.#options.leaseMs ?? LEASE_MS);
  }

  #hold(feed: Feed): void {
    const held: HeldFeed = { feed, isWanted: false, stop: new AbortController(), running: undefined };
    this.#held.set(keyOf(feed), held);
    this.#want(held);
  }

  #drop(held: HeldFeed): void {
    held.stop.abort();
    if (this.#held.get(keyOf(held.feed)) === held) this.#held.delete(keyOf(held.feed));
  }

  #want(held: HeldFeed): void {
    held.isWanted = true;
    held.running ??= this.#run(held).finally(() => (held.running = undefined));
  }

  async #run(held: HeldFeed): Promise<void> {
    const { step } = this.#work.get(held.feed.projection)!;
    const { signal } = held.stop;
    const pause = (ms: number) => sleep(ms, undefined, { signal, ref: false }).catch(() => {});
    let failures = 0;
    while (held.isWanted && !signal.aborted) {
      held.isWanted = false;
      try {
        const { feed, rows, more } = await step.run(held.feed);
        held.feed = feed;
        failures = 0;
        if (more || rows > 0) held.isWanted = true;
        else await pause(PAUSE_MS);
      } catch (error) {
        if (error instanceof LeaseLostError) return this.#drop(held);
        this.#options.report(error);
        failures += 1;
        held.isWanted = true;
        await pause(Math.min(100 * 2 ** failures, MAX_BACKOFF_MS));
      }
    }
  }
}
