/** What takes the events of a stream, one at a time. None of its functions throws. */
export interface EventSink<Event> {
  /** Takes the event that it has asked for. It asks for the next one when it has room. */
  take(event: Event): void;
  /** The stream is over, by `error` if there is one. Comes once, also if no event was asked for. */
  end(error?: unknown): void;
}

/** A stream that is open, or that opens with the first `next`. */
export interface OpenStream {
  /** Asks for the next event, once for each event. */
  next(): void;
  /** Nobody takes events any more. Its sink is not called again. */
  leave(): void;
}

/**
 * The events of a stream that is not open yet. A sink takes them without promises, so that a stream keeps little while it
 * waits. They are an async iterable too, for tRPC.
 */
export class Events<Event> implements AsyncIterable<Event, void, undefined> {
  /** Opens the stream. Nothing happens before its first `next`. */
  readonly open: (sink: EventSink<Event>) => OpenStream;
  readonly #signal: AbortSignal | undefined;

  /** `signal` ends the stream of the iterable. */
  constructor(open: (sink: EventSink<Event>) => OpenStream, signal?: AbortSignal) {
    this.open = open;
    this.#signal = signal;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, undefined> {
    const signal = this.#signal;
    let asked = Promise.withResolvers<Event | typeof END>();
    const stream = this.open({
      take: (event) => asked.resolve(event),
      end: (error) => (error === undefined ? asked.resolve(END) : asked.reject(error)),
    });
    const leave = () => {
      stream.leave();
      asked.resolve(END);
    };
    signal?.addEventListener("abort", leave);
    try {
      if (signal?.aborted) return;
      for (;;) {
        stream.next();
        const event = await asked.promise;
        if (event === END) return;
        // Before the reader gets it: the stream may end while the reader is busy.
        asked = Promise.withResolvers();
        asked.promise.catch(() => {});
        yield event;
      }
    } finally {
      signal?.removeEventListener("abort", leave);
      stream.leave();
    }
  }
}

const END = Symbol("The end of a stream.");
