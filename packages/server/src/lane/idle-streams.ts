/** Finds the streams that have been silent for a time. One timer serves all of them. */
export class IdleStreams<Stream> {
  readonly #idleMs: number;
  readonly #onIdle: (stream: Stream) => void;
  readonly #now: () => number;
  /** When each was last heard, in milliseconds. The longest silent one is the first. */
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
    this.#heardMs.set(stream, this.#now());
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
    for (const [stream, heardMs] of this.#heardMs) {
      if (nowMs - heardMs < this.#idleMs) {
        this.#timer = setTimeout(() => this.#look(), this.#idleMs - (nowMs - heardMs));
        return;
      }
      this.heard(stream);
      this.#onIdle(stream);
    }
    this.#timer = undefined;
  }
}
