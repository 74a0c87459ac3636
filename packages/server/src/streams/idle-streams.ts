/** How many times the streams are looked at while one of them may be silent. */
const LOOKS = 16;

/**
 * Finds the streams that have been silent for a time, or a little less. One timer serves all of them, and finds many at
 * once.
 */
export class IdleStreams<Stream> {
  readonly #idleMs: number;
  readonly #onIdle: (stream: Stream) => void;
  readonly #now: () => number;
  /** When each was last heard, in whole milliseconds. The longest silent one is the first. */
  readonly #heardMs = new Map<Stream, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(idleMs: number, onIdle: (stream: Stream) => void, now: () => number = () => performance.now()) {
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
    this.#now = now;
  }

  /** Notes that a stream has just sent something. */
  heard(stream: Stream): void {
    this.#heardMs.delete(stream);
    this.#heardMs.set(stream, Math.floor(this.#now()));
    this.#timer ??= setTimeout(() => this.#look(), this.#idleMs);
  }

  delete(stream: Stream): void {
    this.#heardMs.delete(stream);
    if (this.#heardMs.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    const nowMs = this.#now();
    const silentSinceMs = nowMs - this.#idleMs * (1 - 1 / LOOKS);
    for (const [stream, heardMs] of this.#heardMs) {
      if (heardMs > silentSinceMs) {
        this.#timer = setTimeout(() => this.#look(), heardMs + this.#idleMs - nowMs);
        return;
      }
      this.heard(stream);
      this.#onIdle(stream);
    }
    this.#timer = undefined;
  }
}
