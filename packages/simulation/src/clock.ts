/** How long `until` waits at most, in simulated milliseconds. */
const MOST_WAIT_MS = 60 * 60_000;

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

/** The one clock of a world. It runs one event, waits until all work that follows from it has finished, then runs the next. */
export class Clock {
  #nowMs: number;
  /** The next event last. Of events at one moment, the first that was added runs first. */
  readonly #due: Due[] = [];

  readonly #rest: () => Promise<void>;

  /** `rest` resolves when all work that follows from the last event has finished. */
  constructor(startMs: number, rest: () => Promise<void>) {
    this.#nowMs = startMs;
    this.#rest = rest;
  }

  /** Milliseconds since 1970. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs something later, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void {
    const entry = { atMs: this.#nowMs + Math.max(0, ms), run };
    let place = this.#due.length;
    while (place > 0 && this.#due[place - 1]!.atMs <= entry.atMs) place -= 1;
    this.#due.splice(place, 0, entry);
    return () => {
      const found = this.#due.indexOf(entry);
      if (found !== -1) this.#due.splice(found, 1);
    };
  }

  /** Lets time pass, event by event. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.#rest();
    while ((this.#due.at(-1)?.atMs ?? Infinity) <= untilMs) await this.#next();
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
    await this.#rest();
    while (!settled && this.#due.length > 0 && this.#nowMs < untilMs) await this.#next();
    if (!settled) throw new Error("It is not settled within an hour.");
    return work;
  }

  async #next(): Promise<void> {
    const { atMs, run } = this.#due.pop()!;
    this.#nowMs = Math.max(this.#nowMs, atMs);
    run();
    await this.#rest();
  }
}
