import type { SessionsError } from "@sessions/core/internal";
import { activityFault } from "../fault.ts";
import type { EventRow } from "../rows/events.ts";
import { OwnerShares } from "./owner-shares.ts";

/** How long events are collected before they are written, in milliseconds. */
export const COLLECT_MS = 100;
/** How long is waited after the database was away, in milliseconds. */
const AWAY_MS = 1_000;

interface SoonOptions {
  readonly record: (row: EventRow) => Promise<void>;
  /** The most events that wait. */
  readonly size: number;
  readonly report: (fault: SessionsError) => void;
}

/** Those of this process that have something to write. */
const unwritten = new Set<EventBuffer>();
let isListening = false;

/** Writes what is left when the process has nothing else to do. It tries once: Postgres may be away. */
function writeBeforeExit(events: EventBuffer): void {
  unwritten.add(events);
  if (isListening) return;
  isListening = true;
  process.once("beforeExit", () => {
    for (const one of unwritten) void one.write();
  });
}

/**
 * Events that nobody waits for. They are in memory until they are written: a crash loses them. The timer does not keep the
 * process alive, but a process that ends by itself writes them first.
 */
export class EventBuffer {
  readonly #options: SoonOptions;
  readonly #shares: OwnerShares;
  #waiting: EventRow[] = [];
  #writing: readonly EventRow[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isFailing = false;

  constructor(options: SoonOptions) {
    this.#options = options;
    this.#shares = new OwnerShares(Math.ceil(options.size / 10));
  }

  /** How many events a crash would lose now. */
  get size(): number {
    return this.#waiting.length + this.#writing.length;
  }

  /** Takes an event. False if too many wait: then it is not taken. */
  add(row: EventRow): boolean {
    if (this.size >= this.#options.size || !this.#shares.take(row.owner)) return false;
    this.#waiting.push(row);
    writeBeforeExit(this);
    this.#runIn(COLLECT_MS);
    return true;
  }

  /** Writes what waits, as far as the database takes it. */
  write(): Promise<void> {
    this.#running ??= this.#write().finally(() => (this.#running = undefined));
    return this.#running;
  }

  /** Writes what waits. Gives how many events the database did not take: they are lost. */
  async close(): Promise<number> {
    // The write that runs does not have the latest ones.
    await this.#running;
    await this.write();
    clearTimeout(this.#timer);
    unwritten.delete(this);
    return this.size;
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#waiting;
    this.#waiting = [];
    const results = await Promise.allSettled(this.#writing.map((row) => this.#options.record(row)));
    const left: EventRow[] = [];
    let outage: SessionsError | undefined;
    for (const [index, result] of results.entries()) {
      const row = this.#writing[index]!;
      const fault = result.status === "rejected" ? activityFault(result.reason) : undefined;
      if (fault === undefined || fault.code === "database_failed") this.#shares.giveBack(row.owner);
      else left.push(row);
      // An event that the database can never take is given up.
      if (fault?.code === "database_failed") this.#options.report(fault);
      else if (fault !== undefined && fault.code !== "queue_full") outage = fault;
    }
    this.#writing = [];
    this.#waiting = [...left, ...this.#waiting];
    // An outage is reported once.
    if (outage !== undefined && !this.#isFailing) this.#options.report(outage);
    this.#isFailing = outage !== undefined;
    if (this.#waiting.length === 0) unwritten.delete(this);
    else this.#runIn(this.#isFailing ? AWAY_MS : COLLECT_MS);
  }

  #runIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.write();
    }, ms).unref();
  }
}
