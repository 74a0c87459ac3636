/** The network between page and server: what a test makes fail there. */
export class Network {
  #isOffline = false;
  #droppedReplies = 0;
  #held: Promise<void> | undefined;
  readonly #streams = new Set<() => void>();

  /** The next `times` replies to a push are lost. The push takes effect. */
  dropReplies(times: number): void {
    this.#droppedReplies += times;
  }

  /** Holds every request back until the returned function is called. */
  hold(): () => void {
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    this.#held = held;
    return () => {
      if (this.#held === held) this.#held = undefined;
      release();
    };
  }

  goOffline(): void {
    this.#isOffline = true;
    this.breakStreams();
  }

  goOnline(): void {
    this.#isOffline = false;
  }

  /** Breaks all open streams, as a proxy does that closes connections. */
  breakStreams(): void {
    for (const breakStream of this.#streams) breakStream();
  }

  /** Brings a request to the server, and its reply back. A network error if there is no connection, or the reply is lost. */
  async carry(isPush: boolean, answer: () => Promise<Response>): Promise<Response> {
    await this.#held;
    if (this.#isOffline) return Response.error();
    const response = await answer();
    if (isPush && this.#droppedReplies > 0) {
      this.#droppedReplies -= 1;
      return Response.error();
    }
    if (this.#isOffline) return Response.error();
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream");
    return isStream ? this.#breakable(response) : response;
  }

  /** The same answer, whose body fails when the stream breaks. */
  #breakable({ body, status, headers }: Response): Response {
    let stop: () => void = () => {};
    const reader = body!.getReader();
    const broken = new ReadableStream<Uint8Array>({
      start: (controller) => {
        stop = () => {
          this.#streams.delete(stop);
          controller.error(new TypeError("network error"));
          void reader.cancel().catch(() => {});
        };
        this.#streams.add(stop);
      },
      pull: async (controller) => {
        const part = await reader.read();
        if (!this.#streams.has(stop)) return;
        if (!part.done) return controller.enqueue(part.value);
        this.#streams.delete(stop);
        controller.close();
      },
      cancel: (reason) => {
        this.#streams.delete(stop);
        return reader.cancel(reason);
      },
    });
    return new Response(broken, { status, headers });
  }
}
