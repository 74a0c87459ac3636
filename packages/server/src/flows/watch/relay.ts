import type { Snapshot } from "@sessions/core";
import type { Bus, Notice } from "../../bus/bus.ts";
import { forEachConcurrently } from "../../concurrency.ts";
import type { Given, WatchHub } from "./watch-hub.ts";

/** How often watched owners are looked up, in milliseconds, while the bus hears nothing. */
const POLL_MS = 2_000;
/** And while it hears: a node that died after its commit has told nobody. */
const HEARING_POLL_MS = 60_000;
/** How much later than its end, by the clock of its node, a session may be found in the archive, in milliseconds. */
const LATE_MS = 60_000;
/** How many owners are looked up at once. */
const CONCURRENT_OWNERS = 4;
/** After so many owners in a row whose look-up failed it is not theirs: the round is given up. */
const MAX_FAILURES = 3;

export interface RelayOptions {
  readonly bus: Bus;
  readonly hub: WatchHub;
  /** A page of the owner's sessions of these ids, as the database has them now. `rest`: those to ask for next. */
  readonly page: (
    owner: string,
    sessions: readonly string[],
  ) => Promise<{ readonly snapshots: readonly Snapshot[]; readonly rest: readonly string[] }>;
  /** The ids of what watchers that were given this lack, as the database has it now, and of what has ended since then. */
  readonly lacking: (owner: string, given: Given, sinceMs: number) => Promise<readonly string[]>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A session may have moved on without this node: what is remembered of it is dropped. Undefined: of all. */
  readonly forget: (notice: Notice | undefined) => void;
  readonly report: (error: unknown) => void;
}

/** Brings other nodes' commits to this node's watchers. */
export class Relay {
  readonly #options: RelayOptions;
  /** The sessions to look up, by owner. */
  #due = new Map<string, Set<string>>();
  #running: Promise<void> | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #hears = false;
  #lookedMs: number;
  /** Since when the owners whose last look-up failed have not been looked up. */
  #behind = new Map<string, number>();
  #closed = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#lookedMs = options.now();
  }

  open(): void {
    this.#poll();
    this.#options.bus.open({
      heard: (notices) => this.#hear(notices),
      hearing: (hears) => {
        if (this.#closed) return;
        this.#hears = hears;
        clearTimeout(this.#pollTimer);
        // What was said while nobody listened is made up for by asking once more.
        this.#options.forget(undefined);
        if (hears) void this.#lookUpAll();
        this.#poll();
      },
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pollTimer);
    await this.#options.bus.close();
    await this.#running;
  }

  #hear(notices: readonly Notice[]): void {
    const { hub, forget } = this.#options;
    for (const notice of notices) {
      forget(notice);
      if (!hub.wants(notice.owner, notice.session, notice.revision)) continue;
      const sessions = this.#due.get(notice.owner) ?? new Set();
      this.#due.set(notice.owner, sessions.add(notice.session));
    }
    if (this.#due.size > 0) this.#running ??= this.#lookUp();
  }

  /** One look-up an owner at a time: what is heard meanwhile shares the next. */
  async #lookUp(): Promise<void> {
    while (this.#due.size > 0 && !this.#closed) {
      const due = this.#due;
      this.#due = new Map();
      await forEachConcurrently(due, CONCURRENT_OWNERS, ([owner, sessions]) =>
        this.#bring(owner, [...sessions].toSorted().toReversed()).catch(this.#options.report),
      );
    }
    this.#running = undefined;
  }

  /** A page at a time, so that no owner's sessions are in memory all at once. */
  async #bring(owner: string, sessions: readonly string[]): Promise<void> {
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
      this.#hears ? HEARING_POLL_MS : POLL_MS,
    );
    this.#pollTimer = timer;
  }

  async #lookUpAll(): Promise<void> {
    const { hub, lacking, now, report } = this.#options;
    const looked = this.#lookedMs;
    const nowMs = now();
    const before = this.#behind;
    const behind = new Map<string, number>();
    let failures = 0;
    // Whoever failed last comes last.
    const owners = hub.owners().toSorted((one, other) => Number(before.has(one)) - Number(before.has(other)));
    await forEachConcurrently(owners, CONCURRENT_OWNERS, async (owner) => {
      const sinceMs = before.get(owner) ?? looked;
      if (this.#closed || failures >= MAX_FAILURES) return void behind.set(owner, sinceMs);
      try {
        await this.#bring(owner, await lacking(owner, hub.given(owner), sinceMs - LATE_MS));
        failures = 0;
      } catch (error) {
        failures += 1;
        behind.set(owner, sinceMs);
        report(error);
      }
    });
    this.#behind = behind;
    this.#lookedMs = nowMs;
  }
}
