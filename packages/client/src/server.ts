import {
  PROTOCOL_VERSION,
  type Command,
  type Device,
  type ListReply,
  type ListRequest,
  type PushReply,
  type ReadReply,
  type ReceiptReply,
  type ReceiptRequest,
  type WatchRequest,
} from "@sessions/core";
import { within, type Environment } from "./environment.ts";
import type { SessionTransport, WatchObserver } from "./transport.ts";

/** How long one push may take, in milliseconds. */
const PUSH_MS = 20_000;

/** How long any other call may take, in milliseconds. */
const CALL_MS = 10_000;

export interface ServerOptions {
  readonly transport: SessionTransport;
  readonly owner: string;
  readonly device: () => Device;
  readonly environment: Environment;
  /** Nobody, or another person, is signed in. */
  readonly onSignedOut: () => void;
}

/**
 * The server as one owner reaches it. Every request names whose it is, so that the server refuses what one person
 * left in this browser once another is signed in. A call that takes longer than `ms` milliseconds is aborted, and
 * rejects.
 */
export interface Server {
  push(commands: readonly Command[], ms?: number): Promise<PushReply>;
  read(session: string, ms?: number): Promise<ReadReply>;
  list(request: ListRequest): Promise<ListReply>;
  receipt(request: ReceiptRequest, ms?: number): Promise<ReceiptReply>;
  /** Opens the stream; `known` are the revisions that this device has, by session. Returns what ends it. */
  watch(known: WatchRequest["known"], observer: WatchObserver): () => void;
}

export function createServer({ transport, owner, device, environment, onSignedOut }: ServerOptions): Server {
  function look(error: unknown): void {
    if (isUnauthorized(error)) onSignedOut();
  }

  async function ask<Reply>(
    ms = CALL_MS,
    call: (options: { readonly signal: AbortSignal }) => Promise<Reply>,
  ): Promise<Reply> {
    try {
      return await within(ms, environment, (signal) => call({ signal }));
    } catch (error) {
      look(error);
      throw error;
    }
  }

  const protocol = PROTOCOL_VERSION;
  return {
    push: (commands, ms = PUSH_MS) =>
      ask(ms, (options) =>
        transport.push.mutate({ owner, protocol, device: device(), commands: [...commands] }, options),
      ),
    read: (session, ms) => ask(ms, (options) => transport.read.query({ owner, session }, options)),
    list: (request) => ask(undefined, (options) => transport.list.query({ ...request, owner }, options)),
    receipt: (request, ms) => ask(ms, (options) => transport.receipt.query({ ...request, owner }, options)),
    watch(known, observer) {
      const onError = (error: unknown) => {
        look(error);
        observer.onError(error);
      };
      const subscription = transport.watch.subscribe({ owner, protocol, known }, { ...observer, onError });
      return () => subscription.unsubscribe();
    },
  };
}

/** By its shape: the application's tRPC client may come from another copy of the package. */
function isUnauthorized(error: unknown): boolean {
  const { data } = (error ?? {}) as {
    readonly data?: { readonly code?: unknown; readonly httpStatus?: unknown } | null;
  };
  return data?.code === "UNAUTHORIZED" || data?.httpStatus === 401;
}
