import type { ServerResponse } from "node:http";
import { getTRPCErrorFromUnknown, type AnyTRPCRouter, type TRPCError } from "@trpc/server";
import { IdleStreams } from "./idle-streams.ts";

const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
  connection: "keep-alive",
  vary: "trpc-accept, accept",
};

const PING = "event: ping\ndata: \n\n\n";
const RETURN = "event: return\ndata: \n\n\n";

/** How events are written. */
export interface EventTexts {
  readonly encode: (event: unknown) => string;
  readonly errorText: (error: TRPCError) => string;
}

/** Sends the events of subscriptions as tRPC does. One timer sends the pings of all streams. */
export class EventStreams {
  readonly #opening: string;
  readonly #maxDurationMs: number | undefined;
  readonly #idle: IdleStreams<ServerResponse> | undefined;

  constructor(router: AnyTRPCRouter) {
    const { ping, client = {}, maxDurationMs } = router._def._config.sse ?? {};
    this.#opening = `event: connected\ndata: ${JSON.stringify(client)}\n\n\n`;
    this.#maxDurationMs = maxDurationMs;
    const idleMs = ping?.enabled ? (ping.intervalMs ?? 1_000) : Infinity;
    if (idleMs > 0 && idleMs !== Infinity) this.#idle = new IdleStreams(idleMs, sendPing);
  }

  /**
   * Sends events until there are no more, or the client leaves. `ending` aborts then.
   *
   * @throws The error of an `errorText` that throws. The stream has ended.
   */
  async send(
    response: ServerResponse,
    ending: AbortController,
    events: AsyncIterable<unknown>,
    { encode, errorText }: EventTexts,
  ): Promise<void> {
    const leave = () => ending.abort();
    const timer = this.#maxDurationMs === undefined ? undefined : setTimeout(leave, this.#maxDurationMs);
    response.on("close", leave);
    // The client may have left before.
    if (response.destroyed) leave();
    response.writeHead(response.statusCode, HEADERS);
    try {
      await this.#write(response, this.#opening);
      for await (const event of events) await this.#write(response, `data: ${encode(event)}\n\n\n`);
      if (!ending.signal.aborted) response.write(RETURN);
    } catch (cause) {
      if (!ending.signal.aborted)
        response.write(`event: serialized-error\ndata: ${errorText(getTRPCErrorFromUnknown(cause))}\n\n\n`);
    } finally {
      clearTimeout(timer);
      this.#idle?.delete(response);
      response.end();
    }
  }

  async #write(response: ServerResponse, text: string): Promise<void> {
    this.#idle?.heard(response);
    if (!response.write(text) && !response.destroyed) await drained(response);
  }
}

/** A client that does not read needs no sign of life: it would only wait in memory. */
function sendPing(response: ServerResponse): void {
  if (!response.writableNeedDrain) response.write(PING);
}

/** Resolves when the client has read what waits, or has left. */
async function drained(response: ServerResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const events = ["drain", "close"] as const;
  for (const event of events) response.on(event, resolve);
  await promise;
  for (const event of events) response.off(event, resolve);
}
