import type { ServerResponse } from "node:http";
import { getTRPCErrorFromUnknown, type AnyTRPCRouter, type TRPCError } from "@trpc/server";
import type { Events, EventSink, OpenStream } from "../streams/events.ts";
import { IdleStreams } from "../streams/idle-streams.ts";

const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
  connection: "keep-alive",
  vary: "trpc-accept, accept",
};

const PING = Buffer.from("event: ping\ndata: \n\n\n");
const RETURN = Buffer.from("event: return\ndata: \n\n\n");

export interface EventStreamsOptions<Asked> {
  readonly router: AnyTRPCRouter;
  readonly encode: (event: unknown) => string;
  /** The text of the error with which a stream ends. `asked`: what the client asked for. */
  readonly errorText: (asked: Asked, error: TRPCError) => string;
}

/** Sends the events of subscriptions as tRPC does. One timer sends the pings of all streams. */
export class EventStreams<Asked> {
  readonly #options: EventStreamsOptions<Asked>;
  readonly #opening: Buffer;
  readonly #idle: IdleStreams<EventStream<Asked>> | undefined;
  /** Ends the streams that have lasted for `maxDurationMs`. */
  readonly #lasting: IdleStreams<EventStream<Asked>> | undefined;
  /** The last event, and its bytes: an event that goes to many streams is encoded once. */
  #encoded: { readonly event: unknown; readonly bytes: Buffer } | undefined;

  constructor(options: EventStreamsOptions<Asked>) {
    this.#options = options;
    const { ping, client = {}, maxDurationMs } = options.router._def._config.sse ?? {};
    this.#opening = Buffer.from(`event: connected\ndata: ${JSON.stringify(client)}\n\n\n`);
    const idleMs = ping?.enabled ? (ping.intervalMs ?? 1_000) : Infinity;
    if (idleMs > 0 && idleMs !== Infinity) this.#idle = new IdleStreams(idleMs, (stream) => stream.ping());
    if (maxDurationMs !== undefined && maxDurationMs !== Infinity)
      this.#lasting = new IdleStreams(maxDurationMs, (stream) => stream.stop());
  }

  /** Sends events until there are no more, or the client leaves. */
  open(response: ServerResponse, events: Events<unknown>, asked: Asked): void {
    const stream = new EventStream(this, response, asked);
    this.#lasting?.heard(stream);
    stream.begin(events, this.#opening);
  }

  /** Notes that a stream has just sent something. */
  heard(stream: EventStream<Asked>): void {
    this.#idle?.heard(stream);
  }

  forget(stream: EventStream<Asked>): void {
    this.#idle?.delete(stream);
    this.#lasting?.delete(stream);
  }

  /** @throws An error of the application's transformer. */
  bytesOf(event: unknown): Buffer {
    if (this.#encoded === undefined || this.#encoded.event !== event)
      this.#encoded = { event, bytes: Buffer.from(`data: ${this.#options.encode(event)}\n\n\n`) };
    return this.#encoded.bytes;
  }

  /** @throws An error of the application's own form of errors. */
  errorBytes(asked: Asked, error: unknown): Buffer {
    const text = this.#options.errorText(asked, getTRPCErrorFromUnknown(error));
    return Buffer.from(`event: serialized-error\ndata: ${text}\n\n\n`);
  }
}

/** One stream, and the answer over which it is sent. */
class EventStream<Asked> implements EventSink<unknown> {
  readonly #streams: EventStreams<Asked>;
  readonly #response: ServerResponse;
  readonly #asked: Asked;
  #stream: OpenStream | undefined;

  constructor(streams: EventStreams<Asked>, response: ServerResponse, asked: Asked) {
    this.#streams = streams;
    this.#response = response;
    this.#asked = asked;
  }

  begin(events: Events<unknown>, opening: Buffer): void {
    const response = this.#response;
    this.#stream = events.open(this);
    // The client may have left before.
    if (response.destroyed) return this.stop();
    response.on("close", () => this.stop());
    response.writeHead(response.statusCode, HEADERS);
    this.#write(opening);
  }

  take(event: unknown): void {
    try {
      this.#write(this.#streams.bytesOf(event));
    } catch (error) {
      // The application's transformer threw, or its own `write`. The other streams go on.
      this.#stream?.leave();
      this.end(error);
    }
  }

  end(error?: unknown): void {
    try {
      const last = error === undefined ? RETURN : this.#streams.errorBytes(this.#asked, error);
      if (!this.#response.destroyed) this.#response.write(last);
    } catch {
      // The application's own form of errors threw. What it would have hidden is not sent.
    }
    this.#finish();
  }

  /** Ends it without a last event. */
  stop(): void {
    this.#stream?.leave();
    this.#finish();
  }

  /** A client that does not read needs no sign of life: it would only wait in memory. */
  ping(): void {
    if (!this.#response.destroyed && !this.#response.writableNeedDrain) this.#response.write(PING);
  }

  /** Asks for the next event when the client has read what waits. */
  #write(bytes: Buffer): void {
    // Its end follows.
    if (this.#response.destroyed) return;
    this.#streams.heard(this);
    if (this.#response.write(bytes)) this.#stream?.next();
    else this.#response.once("drain", () => this.#stream?.next());
  }

  #finish(): void {
    if (this.#stream === undefined) return;
    this.#stream = undefined;
    this.#streams.forget(this);
    try {
      this.#response.end();
    } catch {
      this.#response.destroy();
    }
  }
}
