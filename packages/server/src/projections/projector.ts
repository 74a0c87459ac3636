import { setTimeout as sleep } from "node:timers/promises";
import type { Kysely } from "kysely";
import type { Projection } from "./projection.ts";
import { Builds } from "./builds.ts";
import { FeedStep } from "./feed/feed-step.ts";
import { LeaseLostError } from "./feed/handler-failure.ts";
import { beat, releaseLeases, takeLease, type Feed, type FeedWork } from "./rows/feeds.ts";
import { SourcePages } from "./rows/source-pages.ts";
import type { ProjectionTables } from "./rows/tables.ts";

/** How often a node looks for work, in milliseconds. It is the only statement of a node that has nothing to do. */
const POLL_MS = 1_000;

/** A lease that its holder has not renewed for so long, in milliseconds, may be taken by another node. */
const LEASE_MS = 2_500;

/** The shortest time between two looks that found nothing, in milliseconds: notices of drafts wake a node for nothing. */
const PAUSE_MS = 50;

/** While entries come, the next look follows soon, in milliseconds. Without any, each look waits twice as long, up to the last. */
const SOON_MS = 25;
const SOON_LAST_MS = 200;

/** The longest wait after an error, in milliseconds. */
const MAX_BACKOFF_MS = 10_000;

export interface ProjectorTiming {
  /** How long a node waits between two looks for new rows if it hears of none, in milliseconds. Default 1,000. */
  readonly pollMs?: number;
  /** How long the lease of a feed lasts after the last sign of its node, in milliseconds. Default 2,500. */
  readonly leaseMs?: number;
}

export interface ProjectorOptions extends ProjectorTiming {
  readonly db: Kysely<ProjectionTables>;
  readonly schema: string;
  /** This node's name among all nodes. */
  readonly node: string;
  readonly projections: readonly Projection[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Called with every error. */
  readonly report: (error: unknown) => void;
}

interface Work {
  readonly projection: Projection;
  readonly pages: SourcePages;
  readonly step: FeedStep;
  readonly builds: Builds;
}

/** A feed whose lease this node holds, and the loop that works on it. */
interface HeldFeed {
  feed: Feed;
  isWanted: boolean;
  /** Whether a stream waits that is to be tried again. */
  hasDueFault: boolean;
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
  readonly #beats = new Map<string, { readonly beat: string; readonly atMs: number }>();
  readonly #stop = new AbortController();
  #polling: Promise<void> | undefined;

  constructor(options: ProjectorOptions) {
    const { db, schema, projections, now, report } = options;
    this.#options = options;
    this.#rows = db.withSchema(schema);
    this.#work = new Map(
      projections.map((projection) => {
        const pages = new SourcePages(schema, projection.source);
        const own = { db, schema, projection, pages, now };
        return [
          projection.name,
          { projection, pages, step: new FeedStep({ ...own, report }), builds: new Builds(own) },
        ];
      }),
    );
  }

  /** Begins the builds that are missing, and works until `close`. */
  async start(): Promise<void> {
    for (const { builds } of this.#work.values()) await builds.begin();
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
    const { schema, node, now } = this.#options;
    const news = new Map([...this.#work].map(([name, { pages }]) => [name, pages.hasNews()]));
    const feeds = await beat(this.#rows, schema, node, news, now());
    for (const feed of feeds) {
      if (this.#stop.signal.aborted) return;
      if (this.#work.get(feed.projection)?.builds.isMine(feed)) await this.#lookAt(feed);
    }
    for (const [name, { builds }] of this.#work) {
      if (!this.#stop.signal.aborted) await builds.look(feeds.filter(({ projection }) => projection === name));
    }
  }

  async #lookAt(feed: FeedWork): Promise<void> {
    const held = this.#held.get(keyOf(feed));
    if (held !== undefined && feed.fence === held.feed.fence) {
      held.hasDueFault ||= feed.hasDueFault;
      if (feed.hasNews || feed.hasDueFault) this.#want(held);
    } else if (held !== undefined && feed.fence > held.feed.fence) {
      this.#drop(held);
    } else if (held === undefined && this.#isFree(feed)) {
      const taken = await takeLease(this.#rows, feed, this.#options.node);
      if (taken !== undefined) this.#hold(taken);
    }
  }

  /** Clocks of nodes are not compared: a lease is free when this node has not seen it renewed for a while. */
  #isFree(feed: Feed): boolean {
    // After an error, this node may have dropped a lease that it still has.
    if (feed.holder === null || feed.holder === this.#options.node) return true;
    const nowMs = performance.now();
    const known = this.#beats.get(keyOf(feed));
    if (known?.beat !== feed.beat) this.#beats.set(keyOf(feed), { beat: feed.beat, atMs: nowMs });
    return known?.beat === feed.beat && nowMs - known.atMs >= (this.#options.leaseMs ?? LEASE_MS);
  }

  #hold(feed: Feed): void {
    const held: HeldFeed = {
      feed,
      isWanted: false,
      hasDueFault: false,
      stop: new AbortController(),
      running: undefined,
    };
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
    let [failures, soonMs] = [0, Infinity];
    while (held.isWanted && !signal.aborted) {
      held.isWanted = false;
      try {
        if (held.hasDueFault) {
          held.hasDueFault = false;
          await step.retryDue(held.feed);
        }
        const { feed, rows, more } = await step.run(held.feed);
        held.feed = feed;
        failures = 0;
        const isSoon = soonMs <= SOON_LAST_MS;
        if (more || rows > 0 || isSoon) held.isWanted = true;
        if (rows > 0) soonMs = SOON_MS;
        else if (!more) await pause(isSoon ? soonMs : PAUSE_MS);
        if (rows === 0) soonMs *= 2;
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
