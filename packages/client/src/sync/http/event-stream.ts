import { AnswerError, readAnswer } from "./answer.ts";
import { createEventReader } from "./event-reader.ts";

/** How a stream sends its request: the page's `fetch` with the headers and credentials of the application. */
export type StreamFetch = (
  url: string,
  init: Omit<RequestInit, "headers"> & { readonly headers?: Readonly<Record<string, string>> },
) => Promise<Response>;

/**
 * An `EventSource` over `fetch`. The browser's own differs in four ways. This one tells which answer came instead of a
 * stream. It takes headers. It never connects again by itself. Once it is closed, it dispatches no event.
 */
export class EventStream extends EventTarget {
  // tRPC reads only `CLOSED` of the three.
  declare readonly CONNECTING: number;
  declare readonly OPEN: number;
  readonly CLOSED = 2;
  readyState = 0;
  readonly #closing = new AbortController();

  constructor(url: string | URL, { fetch: fetchStream }: { readonly fetch: StreamFetch }) {
    super();
    this.#read(String(url), fetchStream).then(
      () => this.#fail(),
      (error: object) => this.#fail(error),
    );
  }

  close(): void {
    this.readyState = this.CLOSED;
    this.#closing.abort();
  }

  async #read(url: string, fetchStream: StreamFetch): Promise<void> {
    const { signal } = this.#closing;
    const response = await fetchStream(url, { signal, headers: { accept: "text/event-stream" } });
    const contentType = response.headers.get("content-type") ?? "";
    if (!response.ok || !contentType.startsWith("text/event-stream") || response.body === null) {
      throw new AnswerError((await readAnswer(response)).answer);
    }
    this.readyState = 1;
    const read = createEventReader(({ type, data }) => {
      if (!signal.aborted) this.dispatchEvent(new MessageEvent(type, { data }));
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) read(part.value);
  }

  /** Dispatches an error that has the properties of `why`, such as the answer. */
  #fail(why?: object): void {
    if (this.#closing.signal.aborted) return;
    this.readyState = this.CLOSED;
    this.dispatchEvent(Object.assign(new Event("error"), why));
  }
}
