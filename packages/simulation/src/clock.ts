/** How long `until` waits at most, in simulated milliseconds. */
const MOST_WAIT_MS = 60 * 60_000;

interface ScheduledEvent {
  readonly atMs: number;
  readonly run: () => void;
}

/** The one clock of a world. It runs one event, waits until all work that follows from it has finished, then runs the next. */
export class Clock {
  #nowMs: number;
  /** The next event last. Of events at one moment, the first that was added runs first. */
  readonly #scheduled: ScheduledEvent[] = [];

  readonly #waitUntilIdle: () => Promise<void>;

  /** `rest` resolves when all work that follows from the last event has finished. */
  constructor(startMs: number, waitUntilIdle: () => Promise<void>) {
    this.#nowMs = startMs;
    this.#waitUntilIdle = waitUntilIdle;
  }

  /** Milliseconds since 1970. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs something later, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void {
    const entry = { atMs: this.#nowMs + Math.max(0, ms), run };
    let place = this.#scheduled.length;
    while (place > 0 && this.#scheduled[place - 1]!.atMs <= entry.atMs) place -= 1;
    this.#scheduled.splice(place, 0, entry);
    return () => {
      const found = this.#scheduled.indexOf(entry);
      if (found !== -1) this.#scheduled.splice(found, 1);
    };
  }

  /** Lets time pass, event by event. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.#waitUntilIdle();
    while ((this.#scheduled.at(-1)?.atMs ?? Infinity) <= untilMs) await this.#next();
    this.#nowMs = untilMs;
  }

  /** Lets time pass until a promise is settled, an hour at most. */
  async until<T>(work: Promise<T>): Promise<T> {
    const untilMs = this.#nowMs + MOST_WAIT_MS;
    let settled = false;
    const look = async () => {
      await work.catch(() => {});
      settled = true;
    };
    void look();
    await this.#waitUntilIdle();
    while (!settled && this.#scheduled.length > 0 && this.#nowMs < untilMs) await this.#next();
    if (!settled) throw new Error("It is not settled within an hour.");
    return work;
  }

  async #next(): Promise<void> {
    const { atMs, run } = this.#scheduled.pop()!;
    this.#nowMs = Math.max(this.#nowMs, atMs);
    run();
    await this.#waitUntilIdle();
  }
}
