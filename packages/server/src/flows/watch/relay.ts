import type { Snapshot } from "@sessions/core/internal";
import type { Bus, Notice, SessionNotice } from "../../bus/bus.ts";
import { forEachConcurrently } from "../../concurrency.ts";
import type { SentRevisions, WatchHub } from "./watch-hub.ts";

/** How often watched owners are looked up while the bus is not connected, in milliseconds. */
const POLL_MS = 2_000;
/** And while it is connected: a node that dies after its commit sends no notice. */
const LISTENING_POLL_MS = 60_000;
/** How much later than its `endedAt`, which its node's clock gives, a session may reach the archive, in milliseconds. */
const LATE_MS = 60_000;
/** How many owners are looked up at once. */
const CONCURRENT_OWNERS = 4;
/** After so many failed look-ups in a row the round is given up: the fault is not in these owners' data. */
const MAX_FAILURES = 3;

export interface RelayOptions {
  readonly bus: Bus;
  readonly hub: WatchHub;
  /** A page of the owner's sessions of these ids, as the database has them now. `rest` holds the ids to ask for next. */
  readonly page: (
    owner: string,
    sessions: readonly string[],
  ) => Promise<{ readonly snapshots: readonly Snapshot[]; readonly rest: readonly string[] }>;
  /** The ids of the sessions that watchers with these revisions lack now, and of those that have ended since `sinceMs`. */
  readonly missing: (owner: string, sent: SentRevisions, sinceMs: number) => Promise<readonly string[]>;
  /** Whether a watched owner is a visitor whom somebody has adopted. */
  readonly isAdopted: (owner: string) => Promise<boolean>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Another node may have changed a session: the cache drops it. Undefined: it drops all sessions. */
  readonly dropCached: (notice: SessionNotice | undefined) => void;
  /** Called with an owner who was erased on another node, or by an operator. */
  readonly dropOwner: (owner: string) => void;
  readonly report: (error: unknown) => void;
}

/** Brings other nodes' commits to this node's watchers. */
export class Relay {
  readonly #options: RelayOptions;
  /** The sessions to look up, by owner. */
  #toLookUp = new Map<string, Set<string>>();
  #running: Promise<void> | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #isListening = false;
  #leaveBus: (() => Promise<void>) | undefined;
  #lastLookUpMs: number;
  /** For each owner whose last look-up failed, the time of the last one that did not. */
  #failedSinceMs = new Map<string, number>();
  #closed = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#lastLookUpMs = options.now();
  }

  open(): void {
    this.#poll();
    this.#leaveBus = this.#options.bus.open({
      onNotices: (notices) => this.#hear(notices),
      onListeningChange: (isListening) => {
        if (this.#closed) return;
        this.#isListening = isListening;
        clearTimeout(this.#pollTimer);
        // Notices may have been lost while the bus was not connected. So all watched owners are looked up once.
        this.#options.dropCached(undefined);
        if (isListening) void this.#lookUpAll();
        this.#poll();
      },
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pollTimer);
    await this.#leaveBus?.();
    await this.#running;
  }

  #hear(notices: readonly Notice[]): void {
    const { hub, dropCached } = this.#options;
    for (const notice of notices) {
      if (notice.kind === "adopted") hub.end(notice.owner);
      if (notice.kind === "erased") this.#options.dropOwner(notice.owner);
      if (notice.kind !== "session") continue;
      dropCached(notice);
      if (!hub.isNeeded(notice.owner, notice.session, notice.revision)) continue;
      const sessions = this.#toLookUp.get(notice.owner) ?? new Set();
      this.#toLookUp.set(notice.owner, sessions.add(notice.session));
    }
    if (this.#toLookUp.size > 0) this.#running ??= this.#lookUp();
  }

  /** Looks up each owner one at a time. Notices that come meanwhile share the next look-up. */
  async #lookUp(): Promise<void> {
    while (this.#toLookUp.size > 0 && !this.#closed) {
      const due = this.#toLookUp;
      this.#toLookUp = new Map();
      await forEachConcurrently(due, CONCURRENT_OWNERS, ([owner, sessions]) =>
        this.#publishNewest(owner, [...sessions].toSorted().toReversed()).catch(this.#options.report),
      );
    }
    this.#running = undefined;
  }

  /** A page at a time, so that no owner's sessions are in memory all at once. */
  async #publishNewest(owner: string, sessions: readonly string[]): Promise<void> {
    const { hub, page } = this.#options;
    for (let rest = sessions; rest.length > 0 && !this.#closed;) {
      const found = await page(owner, rest);
      for (const snapshot of found.snapshots) hub.publish(owner, snapshot);
      rest = found.rest;
    }
  }

  #poll(): void {
    const timer = setTimeout(
      () => {
        void this.#lookUpAll().finally(() => {
          if (!this.#closed && this.#pollTimer === timer) this.#poll();
        });
      },
      this.#isListening ? LISTENING_POLL_MS : POLL_MS,
    );
    this.#pollTimer = timer;
  }

  async #lookUpAll(): Promise<void> {
    const { hub, missing, isAdopted, now, report } = this.#options;
    const looked = this.#lastLookUpMs;
    const nowMs = now();
    const before = this.#failedSinceMs;
    const behind = new Map<string, number>();
    let failures = 0;
    // Owners whose last look-up failed come last.
    const owners = hub.owners().toSorted((one, other) => Number(before.has(one)) - Number(before.has(other)));
    await forEachConcurrently(owners, CONCURRENT_OWNERS, async (owner) => {
      const sinceMs = before.get(owner) ?? looked;
      if (this.#closed || failures >= MAX_FAILURES) return void behind.set(owner, sinceMs);
      try {
        if (await isAdopted(owner)) return hub.end(owner);
        await this.#publishNewest(owner, await missing(owner, hub.sentRevisions(owner), sinceMs - LATE_MS));
        failures = 0;
      } catch (error) {
        failures += 1;
        behind.set(owner, sinceMs);
        report(error);
      }
    });
    this.#failedSinceMs = behind;
    this.#lastLookUpMs = nowMs;
  }
}
