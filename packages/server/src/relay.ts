import type { Snapshot } from "@sessions/core";
import type { Bus, Notice } from "./bus/bus.ts";
import type { WatchHub } from "./watch.ts";

/** How often watched owners are looked up, in milliseconds, while the bus hears nothing. */
const POLL_MS = 2_000;
/** And while it hears: a node that died after its commit has told nobody. */
const HEARING_POLL_MS = 60_000;
/** How much later than its end, by the clock of its node, a session may be found in the archive, in milliseconds. */
const LATE_MS = 60_000;

export interface RelayOptions {
  readonly bus: Bus;
  readonly hub: WatchHub;
  /** The owner's sessions of these ids as the database has them now. */
  readonly load: (owner: string, sessions: readonly string[]) => Promise<readonly Snapshot[]>;
  /** What a watcher that has these revisions lacks, as the database has it now, and what has ended since then. */
  readonly newer: (
    owner: string,
    known: Readonly<Record<string, number>>,
    sinceMs: number,
  ) => Promise<readonly Snapshot[]>;
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
    const { hub, load, report } = this.#options;
    while (this.#due.size > 0 && !this.#closed) {
      const due = this.#due;
      this.#due = new Map();
      for (const [owner, sessions] of due) {
        try {
          for (const snapshot of await load(owner, [...sessions])) hub.publish(owner, snapshot);
        } catch (error) {
          report(error);
        }
      }
    }
    this.#running = undefined;
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
    const { hub, newer, now, report } = this.#options;
    const sinceMs = this.#lookedMs - LATE_MS;
    const nowMs = now();
    for (const owner of hub.owners()) {
      if (this.#closed) return;
      try {
        for (const snapshot of await newer(owner, hub.known(owner), sinceMs)) hub.publish(owner, snapshot);
      } catch (error) {
        report(error);
        return;
      }
    }
    this.#lookedMs = nowMs;
  }
}
