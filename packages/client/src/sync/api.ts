import {
  PROTOCOL_VERSION,
  SessionsError,
  type Command,
  type Device,
  type ListReply,
  type ListRequest,
  type PushReply,
  type ReadReply,
  type ReceiptReply,
  type ReceiptRequest,
  type WatchEvent,
  type WatchRequest,
} from "@sessions/core/internal";
import { answerOf, AnswerError, type Answer } from "./http/answer.ts";
import { within, type Environment } from "../environment.ts";
import type { SessionTransport, WatchObserver } from "./http/transport.ts";

/** How long one push may take, in milliseconds. */
export const PUSH_MS = 20_000;

/** How long any other call may take, in milliseconds. */
const CALL_MS = 10_000;

export interface ApiOptions {
  readonly transport: SessionTransport;
  readonly owner: string;
  readonly device: () => Device;
  readonly environment: Environment;
  /** Nobody is signed in, or another person is. */
  readonly onSignedOut: () => void;
  /** Another program than the router answers, or the browser lets no answer through. Each kind is reported once. */
  readonly onError: (fault: SessionsError) => void;
}

/**
 * The server's procedures for one owner. Every request names the owner. So the server refuses the commands that one person
 * left in this browser once another person is signed in. A call that takes longer than `ms` milliseconds is aborted, and
 * rejects.
 */
export interface Api {
  push(commands: readonly Command[], ms?: number): Promise<PushReply>;
  read(session: string, ms?: number): Promise<ReadReply>;
  list(request: ListRequest): Promise<ListReply>;
  receipt(request: ReceiptRequest, ms?: number): Promise<ReceiptReply>;
  /** The first events of a stream with these revisions. `after` is the last session of the page before. */
  changes(known: WatchRequest["known"], after?: string): Promise<WatchEvent>;
  /** Opens the stream. `known` are this device's revisions by session. Returns a function that ends the stream. */
  watch(known: WatchRequest["known"], observer: WatchObserver): () => void;
}

export function createApi(options: ApiOptions): Api {
  const { transport, owner, device, environment, onSignedOut } = options;
  const reported = new Set<string>();
  // Whether the router has answered: then the address is right.
  let heard = false;

  /** `isLetIn`: the router answered the same request without its content, so the person is still signed in. */
  function report(error: unknown, isLetIn = false): void {
    const answer = answerOf(error);
    if (!isLetIn && isSignedOut(error, answer, heard)) return onSignedOut();
    const fault = faultOf(error, answer, heard);
    heard ||= answer?.isRouters === true;
    const kind = `${fault?.code} ${answer?.status}`;
    if (fault === undefined || reported.has(kind)) return;
    reported.add(kind);
    options.onError(fault);
  }

  async function ask<Reply>(
    call: (options: { readonly signal: AbortSignal }) => Promise<Reply>,
    ms = CALL_MS,
    without?: () => Promise<unknown>,
  ): Promise<Reply> {
    try {
      const reply = await within(ms, environment, async (signal) => call({ signal }));
      assertOurs(reply);
      heard = true;
      return reply;
    } catch (error) {
      const isLetIn =
        isSignedOut(error, answerOf(error), heard) &&
        without?.().then(
          () => true,
          () => false,
        );
      report(error, await isLetIn);
      throw error;
    }
  }

  const protocol = PROTOCOL_VERSION;

  function push(commands: readonly Command[], ms = PUSH_MS): Promise<PushReply> {
    const call = (options: { readonly signal: AbortSignal }) =>
      transport.push.mutate({ owner, protocol, device: device(), commands: [...commands] }, options);
    return ask(call, ms, commands.length > 0 ? () => push([], CALL_MS) : undefined);
  }

  return {
    push,
    read: (session, ms) => ask((options) => transport.read.query({ owner, session }, options), ms),
    list: (request) => ask((options) => transport.list.query({ ...request, owner }, options)),
    receipt: (request, ms) => ask((options) => transport.receipt.query({ ...request, owner }, options), ms),
    changes: (known, after) => ask((options) => transport.changes.query({ owner, protocol, known, after }, options)),
    watch(known, observer) {
      const onError = (error: unknown) => {
        report(error);
        observer.onError(error);
      };
      const onData = (event: WatchEvent) => {
        try {
          assertOurs(event);
        } catch (error) {
          return onError(error);
        }
        observer.onData(event);
      };
      const subscription = transport.watch.subscribe({ owner, protocol, known }, { ...observer, onData, onError });
      return () => subscription.unsubscribe();
    },
  };
}

/** Every reply of the router has its time. JSON without a time comes from another program, or through a transformer. */
function assertOurs(reply: unknown): void {
  const { now } = (reply ?? {}) as { readonly now?: unknown };
  if (typeof now !== "string" || Number.isNaN(Date.parse(now))) {
    throw new Error("Not the router's.", { cause: new AnswerError({ status: 200 }) });
  }
}

/** Whether the answer asks the person to sign in: a 401, a redirect to a page, or a page where the router was. */
function isSignedOut(error: unknown, answer: Answer | undefined, heard: boolean): boolean {
  if (codeOf(error) === "UNAUTHORIZED" || answer?.status === 401) return true;
  return answer?.isHtml === true && (answer.redirected || (answer.status === 200 && heard));
}

/** The code of the router's error. It goes by the error's shape: the tRPC client may come from another copy of tRPC. */
function codeOf(error: unknown): string | undefined {
  return (error as { readonly data?: { readonly code?: string } | null } | null)?.data?.code;
}

/** The fault that a developer should know; undefined if it passes by itself, or is reported elsewhere. */
function faultOf(error: unknown, answer: Answer | undefined, heard: boolean): SessionsError | undefined {
  if (answer === undefined) {
    const { unanswered } = ((error as Error | undefined)?.cause ?? {}) as { readonly unanswered?: string };
    const isOthers = unanswered !== undefined && new URL(unanswered, location.href).origin !== location.origin;
    if (!isOthers || heard || globalThis.navigator?.onLine === false) return undefined;
    return new SessionsError("origin_refused", `${unanswered} does not answer ${location.origin}.`);
  }
  const { status, isRouters, isHtml, url } = answer;
  // The server reports its own failures to its own `onError`.
  if (isRouters && (status >= 500 || status === 429)) return undefined;
  const kind = isHtml ? " with a page of HTML" : "";
  const detail = `${url || "The server"} answered ${status || "something"}${kind}.`;
  return new SessionsError(
    status === 404 || (!heard && url && status < 300) ? "router_not_found" : "answer_unexpected",
    // Leave out the router's message: it may quote the request.
    isRouters ? `${detail} The router says ${codeOf(error)}.` : detail,
  );
}
