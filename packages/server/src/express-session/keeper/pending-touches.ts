/** A deadline that is not written yet. */
export interface PendingTouch {
  readonly key: string;
  readonly sid: string;
  readonly expiresMs: number;
  /** The deadline that was read. If another request has moved it to an earlier time since, this touch is the older one. */
  readonly sinceMs: number;
}

export interface PendingTouchesOptions {
  readonly write: (touch: PendingTouch) => Promise<unknown>;
  readonly report: (error: unknown) => void;
}

/** The most touches that wait. Above it, a touch is written at once. */
const MAX_WAITING = 100_000;

/** Those of this process that have something to write. */
const unwritten = new Set<PendingTouches>();
let isListening = false;

/** Writes what is left when the process has nothing else to do. It tries once: Postgres may be away. */
function writeBeforeExit(touches: PendingTouches): void {
  unwritten.add(touches);
  if (isListening) return;
  isListening = true;
  process.once("beforeExit", () => {
    for (const one of unwritten) void one.write();
  });
}

/**
 * Deadlines that wait to be written. Each is written before the deadline that it replaces has passed. The timer does not
 * keep the process alive: a process that ends by itself writes them first.
 */
export class PendingTouches {
  readonly #options: PendingTouchesOptions;
  #waiting = new Map<string, PendingTouch & { readonly dueMs: number }>();
  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;

  /** Whether the last write failed. Postgres may be away for long: this is told once. */
  #isFailing = false;

  constructor(options: PendingTouchesOptions) {
    this.#options = options;
  }

  /** Has a deadline wait for up to `windowMs`. False if too many wait. */
  add(touch: PendingTouch, windowMs: number): boolean {
    const before = this.#waiting.get(touch.key);
    if (before === undefined && this.#waiting.size >= MAX_WAITING) return false;
    const dueMs = before?.dueMs ?? performance.now() + windowMs;
    this.#waiting.set(touch.key, { ...touch, dueMs });
    writeBeforeExit(this);
    this.#runAt(dueMs);
    return true;
  }

  /** The deadline of a session whose row ends at `expiresMs`. */
  deadlineOf({ key, expiresMs }: { readonly key: string; readonly expiresMs: number }): number {
    const touch = this.#waiting.get(key);
    return touch && expiresMs >= touch.sinceMs ? Math.max(expiresMs, touch.expiresMs) : expiresMs;
  }

  /** Forgets a deadline: a newer one was written, or the session has ended. */
  delete(key: string): void {
    this.#waiting.delete(key);
  }

  clear(): void {
    this.#waiting.clear();
    clearTimeout(this.#timer);
    unwritten.delete(this);
  }

  /** Writes all that waits. */
  write(): Promise<void> {
    return this.#writeDue(Infinity);
  }

  #runAt(dueMs: number): void {
    if (this.#timer !== undefined && this.#timerMs <= dueMs) return;
    clearTimeout(this.#timer);
    this.#timerMs = dueMs;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        void this.#writeDue(performance.now() + 1);
      },
      Math.max(0, dueMs - performance.now()),
    ).unref();
  }

  async #writeDue(nowMs: number): Promise<void> {
    const due = [...this.#waiting.values()].filter(({ dueMs }) => dueMs <= nowMs);
    // A touch waits until it is written: a read sees it all the time.
    await Promise.all(
      due.map((touch) =>
        this.#options.write(touch).then(() => {
          this.#isFailing = false;
          if (this.#waiting.get(touch.key) === touch) this.#waiting.delete(touch.key);
        }, this.#later(touch)),
      ),
    );
    if (this.#waiting.size === 0) return this.clear();
    this.#runAt(Math.min(...[...this.#waiting.values()].map(({ dueMs }) => dueMs)));
  }

  /** Postgres may be away. */
  #later(touch: PendingTouch) {
    return (error: unknown) => {
      if (!this.#isFailing) this.#options.report(error);
      this.#isFailing = true;
      if (this.#waiting.get(touch.key)?.expiresMs === touch.expiresMs)
        this.#waiting.set(touch.key, { ...touch, dueMs: performance.now() + 1_000 });
    };
  }
}
