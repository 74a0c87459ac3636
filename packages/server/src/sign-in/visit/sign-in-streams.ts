import { setTimeout } from "node:timers/promises";
import { TRPCError } from "@trpc/server";
import { VisitError } from "./exchange/visit-error.ts";
import type { RequestVisit } from "./request-visit.ts";

/** How long a stream stays silent before it sends a heartbeat, in milliseconds. */
const HEARTBEAT_MS = 15_000;
/** The most streams of one owner on one node. */
const MAX_OWNER_STREAMS = 250;

/** Shows that a stream is open. */
export type Heartbeat = Readonly<Record<never, never>>;

/** Streams that tell pages that their sign-in has ended. */
export class SignInStreams {
  /** The open streams, by owner. */
  readonly #open = new Map<string, Set<AbortController>>();
  #closed = false;

  /** Heartbeats while the sign-in of this visit lasts. When it ends, the stream fails as the next call does. */
  async *open(visit: RequestVisit, signal: AbortSignal | undefined): AsyncGenerator<Heartbeat, void, undefined> {
    const owner = visit.owner ?? visit.guest?.owner;
    if (owner === undefined) throw new VisitError("signed_out");
    const ending = new AbortController();
    const end = () => ending.abort();
    const leave = this.#join(owner, ending);
    let unsubscribe: (() => void) | undefined;
    let hasEnded = false;
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
    try {
      unsubscribe = visit.onEnd((why) => {
        hasEnded = why !== "renew";
        end();
      });
      while (!ending.signal.aborted) {
        yield {};
        await setTimeout(HEARTBEAT_MS, undefined, { signal: ending.signal, ref: false }).catch(() => {});
      }
    } finally {
      unsubscribe?.();
      leave();
      signal?.removeEventListener("abort", end);
    }
    if (hasEnded) throw new VisitError("signed_out");
  }

  /** Ends all streams. Pages open them again, on another node. */
  close(): void {
    this.#closed = true;
    for (const streams of this.#open.values()) for (const ending of streams) ending.abort();
  }

  #join(owner: string, ending: AbortController): () => void {
    if (this.#closed) throw new TRPCError({ code: "SERVICE_UNAVAILABLE", message: "This node stops." });
    const streams = this.#open.get(owner) ?? new Set();
    if (streams.size >= MAX_OWNER_STREAMS) {
      throw new TRPCError({ code: "TOO_MANY_REQUESTS", message: "Too many streams are open for one owner." });
    }
    this.#open.set(owner, streams.add(ending));
    return () => {
      streams.delete(ending);
      if (streams.size === 0) this.#open.delete(owner);
    };
  }
}
