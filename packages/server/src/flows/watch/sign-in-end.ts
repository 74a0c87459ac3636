import { TRPCError } from "@trpc/server";
import { SessionsError } from "@sessions/core";
import type { Identity } from "../configuration/identity.ts";

/**
 * Runs a stream until its sign-in ends. Then the stream fails as the next call would: nobody is signed in.
 * `open` makes the events of the stream. They stop when its signal aborts. `errorOf` reports a fault of the application's
 * `onEnded`, and gives the answer to it.
 */
export function untilSignInEnds<Event>(
  { onEnded }: Identity,
  signal: AbortSignal | undefined,
  open: (signal: AbortSignal | undefined) => AsyncGenerator<Event, void, undefined>,
  errorOf: (fault: SessionsError) => Error,
): AsyncGenerator<Event, void, undefined> {
  return onEnded === undefined ? open(signal) : endingWith(onEnded, signal, open, errorOf);
}

async function* endingWith<Event>(
  onEnded: NonNullable<Identity["onEnded"]>,
  signal: AbortSignal | undefined,
  open: (signal: AbortSignal | undefined) => AsyncGenerator<Event, void, undefined>,
  errorOf: (fault: SessionsError) => Error,
): AsyncGenerator<Event, void, undefined> {
  const ending = new AbortController();
  let hasEnded = false;
  const abort = () => ending.abort();
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  const end = (why?: "renew") => {
    // The client opens it again, and shows then that it still may.
    if (why !== "renew") hasEnded = true;
    abort();
  };
  let unsubscribe: (() => void) | undefined;
  try {
    unsubscribe = subscribe(onEnded, end, errorOf);
    for await (const event of open(ending.signal)) {
      // The event may have been made before the end, and waits for nobody any more.
      if (hasEnded) break;
      yield event;
    }
  } finally {
    unsubscribe?.();
    signal?.removeEventListener("abort", abort);
  }
  if (hasEnded) throw new TRPCError({ code: "UNAUTHORIZED", message: "The sign-in has ended." });
}

function subscribe(
  onEnded: NonNullable<Identity["onEnded"]>,
  end: (why?: "renew") => void,
  errorOf: (fault: SessionsError) => Error,
): () => void {
  let unsubscribe: unknown;
  try {
    unsubscribe = onEnded(end);
  } catch (cause) {
    throw errorOf(new SessionsError("identify_failed", "`onEnded` threw. The stream was not opened.", { cause }));
  }
  if (typeof unsubscribe === "function") return unsubscribe as () => void;
  throw errorOf(new SessionsError("context_invalid", "`onEnded` returns a function that removes `end`."));
}
