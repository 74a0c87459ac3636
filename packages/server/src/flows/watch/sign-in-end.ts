import { TRPCError } from "@trpc/server";
import type { Identity } from "../configuration/identity.ts";

/**
 * Runs a stream until its sign-in ends. Then the stream fails as the next call would: nobody is signed in.
 * `open` makes the events of the stream. They stop when its signal aborts.
 */
export async function* untilSignInEnds<Event>(
  { onEnded }: Identity,
  signal: AbortSignal | undefined,
  open: (signal: AbortSignal | undefined) => AsyncGenerator<Event, void, undefined>,
): AsyncGenerator<Event, void, undefined> {
  if (onEnded === undefined) return yield* open(signal);
  const ending = new AbortController();
  let hasEnded = false;
  const abort = () => ending.abort();
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  const forget = onEnded(() => {
    hasEnded = true;
    abort();
  });
  try {
    for await (const event of open(ending.signal)) {
      // The event may have been made before the end, and waits for nobody any more.
      if (hasEnded) break;
      yield event;
    }
  } finally {
    forget();
    signal?.removeEventListener("abort", abort);
  }
  if (hasEnded) throw new TRPCError({ code: "UNAUTHORIZED", message: "The sign-in has ended." });
}
