import type { Clock } from "./clock.ts";

/** Thrown when a promise of SPEC.md is broken. */
export class SpecBrokenError extends Error {
  override readonly name = "SpecBrokenError";
  /** Its number: "S4". */
  readonly promise: string;

  constructor(promise: string, what: string) {
    super(`${promise}: ${what}`);
    this.promise = promise;
  }
}

/** The events of a world, a line each. */
export class Journal {
  readonly lines: string[] = [];
  readonly #clock: Clock;
  readonly #startMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.nowMs;
  }

  note(who: string, what: string): void {
    const seconds = ((this.#clock.nowMs - this.#startMs) / 1_000).toFixed(3).padStart(9);
    this.lines.push(`${seconds}  ${who.padEnd(10)} ${what}`);
  }
}

/** The last characters of an id: enough to tell it from the others of a world. */
export function shortId(id: string | null): string {
  return id === null ? "none" : id.slice(-4);
}
