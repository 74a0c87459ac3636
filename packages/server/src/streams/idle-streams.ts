/** How often the streams are looked at in the time that they may be silent. */
const LOOKS = 8;

/**
 * Finds the streams that have been silent for a time, or up to an eighth less. One timer serves all of them, and finds
 * many at once. To note that a stream was heard takes no clock, because an event may go to thousands of them.
 */
export class IdleStreams<Stream> {
  readonly #idleMs: number;
  readonly #onIdle: (stream: Stream) => void;
  /** After which look each was last heard. */
  readonly #heardAfter = new Map<Stream, number>();
  #looks = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(idleMs: number, onIdle: (stream: Stream) => void) {
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
  }

  /** Notes that a stream has just sent something. */
  heard(stream: Stream): void {
    this.#heardAfter.set(stream, this.#looks);
    this.#timer ??= setInterval(() => this.#look(), this.#idleMs / LOOKS);
  }

  delete(stream: Stream): void {
    this.#heardAfter.delete(stream);
    if (this.#heardAfter.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    this.#looks += 1;
    for (const [stream, heardAfter] of this.#heardAfter) {
      if (this.#looks - heardAfter < LOOKS) continue;
      this.heard(stream);
      this.#onIdle(stream);
    }
  }
}
