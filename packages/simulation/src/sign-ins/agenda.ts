interface Event {
  readonly atMs: number;
  readonly run: () => void;
}

/** Runs events in the order of their times, without waiting. Events at the same time run in the order of their making. */
export class Agenda {
  nowMs: number;
  readonly #events: Event[] = [];

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  after(laterMs: number, run: () => void): void {
    const atMs = this.nowMs + laterMs;
    let from = 0;
    let to = this.#events.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      // The next event stands last, where it is cheap to take.
      if (this.#events[middle]!.atMs > atMs) from = middle + 1;
      else to = middle;
    }
    this.#events.splice(from, 0, { atMs, run });
  }

  /** Runs all events until this time. */
  run(untilMs: number): void {
    for (let event = this.#events.at(-1); event && event.atMs <= untilMs; event = this.#events.at(-1)) {
      this.#events.pop();
      this.nowMs = event.atMs;
      event.run();
    }
    this.nowMs = untilMs;
  }
}
