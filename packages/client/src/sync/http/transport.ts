import type {
  ListReply,
  ListRequest,
  PushReply,
  PushRequest,
  ReadReply,
  ReadRequest,
  ReceiptReply,
  ReceiptRequest,
  WatchEvent,
  WatchRequest,
} from "@sessions/core/internal";
import { createTRPCUntypedClient, httpLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import type { AnyRouter } from "@trpc/server";
import { AnswerError, isHtml, readAnswer, UnansweredError, withoutQuery } from "./answer.ts";
import { EventStream, type StreamFetch } from "./event-stream.ts";

interface CallOptions {
  readonly signal?: AbortSignal;
}

export interface WatchObserver {
  readonly onData: (event: WatchEvent) => void;
  readonly onError: (error: unknown) => void;
  readonly onComplete: () => void;
  readonly onConnectionStateChange: (state: { readonly state: string; readonly error: unknown }) => void;
}

/**
 * The mounted router as the client calls it. `trpc.sessions` of a tRPC v11 client has this type, unless the schemas of
 * client and server differ. Procedures are properties, so that TypeScript compares their inputs too.
 */
export interface SessionTransport {
  readonly push: { readonly mutate: (request: PushRequest, options?: CallOptions) => Promise<PushReply> };
  readonly read: { readonly query: (request: ReadRequest, options?: CallOptions) => Promise<ReadReply> };
  readonly list: { readonly query: (request: ListRequest, options?: CallOptions) => Promise<ListReply> };
  readonly receipt: { readonly query: (request: ReceiptRequest, options?: CallOptions) => Promise<ReceiptReply> };
  readonly changes: { readonly query: (request: WatchRequest, options?: CallOptions) => Promise<WatchEvent> };
  readonly watch: {
    readonly subscribe: (request: WatchRequest, observer: WatchObserver) => { readonly unsubscribe: () => void };
  };
}

/** How a page reaches a router at an address. */
export interface HttpOptions {
  readonly url: string;
  readonly mount: string;
  readonly credentials: RequestCredentials;
  /** Sent with every request. */
  readonly headers: () => RequestHeaders | Promise<RequestHeaders>;
}

export type RequestHeaders = Readonly<Record<string, string>>;

/** A request with a shorter body, in characters, goes on while its page closes. The browser's limit is 64 KiB. */
const KEEPALIVE_LENGTH = 20_000;

/** The transport for a `url`, on a host without a transformer. It calls over HTTP, and streams server-sent events. */
export function httpTransport({ url, mount, credentials, headers }: HttpOptions): SessionTransport {
  // Whether requests reach the router through a redirect.
  let follows = false;

  const streamFetch: StreamFetch = async (address, { headers: own, ...init }) => {
    const request: RequestInit = { ...init, credentials, cache: "no-store", headers: { ...own, ...(await headers()) } };
    const get = (redirect: RequestRedirect) =>
      fetch(address, { ...request, redirect }).catch((error: unknown) => {
        throw init.signal?.aborted ? error : new UnansweredError(address, error);
      });
    const response = await get(follows ? "follow" : "manual");
    if (response.type !== "opaqueredirect") return response;
    const followed = await get("follow").catch((error: unknown) => {
      if (init.signal?.aborted) throw error;
      // The redirect leads to another origin, such as a page to sign in at. This page may not read its answer.
      throw new AnswerError({ status: 0, isHtml: true, redirected: true, url: withoutQuery(address) });
    });
    follows = followed.ok && !isHtml(followed);
    return followed;
  };

  async function call(address: string, init: Parameters<StreamFetch>[1]): Promise<Response> {
    const keepalive = typeof init.body === "string" && init.body.length < KEEPALIVE_LENGTH;
    const response = await streamFetch(address, { ...init, keepalive });
    const { answer, json } = await readAnswer(response);
    if (!answer.isRouters) throw new AnswerError(answer);
    return Object.defineProperty(response, "json", { value: async () => json });
  }

  // tRPC's type of `fetch` allows an explicit `undefined` in its options. The browser's `fetch` ignores it.
  type FetchEsque = NonNullable<Parameters<typeof httpLink>[0]["fetch"]>;
  const client = createTRPCUntypedClient<AnyRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: httpSubscriptionLink({ url, EventSource: EventStream, eventSourceOptions: { fetch: streamFetch } }),
        false: httpLink({ url, fetch: call as FetchEsque }),
      }),
    ],
  });
  // The untyped client gives `unknown`. Client and server take the types from core, and the server checks the
  // protocol's version.
  const query =
    <Request, Reply>(name: string) =>
    (request: Request, options?: CallOptions) =>
      client.query(`${mount}.${name}`, request, options) as Promise<Reply>;
  return {
    push: { mutate: (request, options) => client.mutation(`${mount}.push`, request, options) as Promise<PushReply> },
    read: { query: query<ReadRequest, ReadReply>("read") },
    list: { query: query<ListRequest, ListReply>("list") },
    receipt: { query: query<ReceiptRequest, ReceiptReply>("receipt") },
    changes: { query: query<WatchRequest, WatchEvent>("changes") },
    watch: {
      subscribe: (request, { onData, ...observer }) =>
        client.subscription(`${mount}.watch`, request, { ...observer, onData: (event) => onData(event as WatchEvent) }),
    },
  };
}
