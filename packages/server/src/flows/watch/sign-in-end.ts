import { TRPCError } from "@trpc/server";
import { SessionsError } from "@sessions/core";
import type { EventSink, OpenStream } from "../../streams/events.ts";
import type { Identity } from "../configuration/identity.ts";

type Open<Event> = (sink: EventSink<Event>) => OpenStream;
type OnEnded = NonNullable<Identity["onEnded"]>;

/**
 * Opens a stream that runs until its sign-in ends. Then the stream fails as the next call would: nobody is signed in.
 * `errorOf` reports a fault of the application's `onEnded`, and gives the answer to it.
 */
export function untilSignInEnds<Event>(
  { onEnded }: Identity,
  open: Open<Event>,
  errorOf: (fault: SessionsError) => Error,
): Open<Event> {
  return onEnded === undefined ? open : (sink) => new SignInStream(sink, { onEnded, open, errorOf });
}

interface SignInStreamOptions<Event> {
  readonly onEnded: OnEnded;
  readonly open: Open<Event>;
  readonly errorOf: (fault: SessionsError) => Error;
}

/** A stream and the end of its sign-in, whichever comes first. */
class SignInStream<Event> implements OpenStream, EventSink<Event> {
  readonly #sink: EventSink<Event>;
  readonly #errorOf: (fault: SessionsError) => Error;
  /** There until the first event is asked for. */
  #options: SignInStreamOptions<Event> | undefined;
  #stream: OpenStream | undefined;
  #unsubscribe: (() => void) | undefined;
  #isOver = false;

  constructor(sink: EventSink<Event>, options: SignInStreamOptions<Event>) {
    this.#sink = sink;
    this.#errorOf = options.errorOf;
    this.#options = options;
  }

  next(): void {
    const options = this.#options;
    this.#options = undefined;
    if (options !== undefined) this.#begin(options);
    if (!this.#isOver) this.#stream?.next();
  }

  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream?.leave();
    this.#forgetEnd();
  }

  take(event: Event): void {
    this.#sink.take(event);
  }

  end(error?: unknown): void {
    if (this.#isOver) return;
    this.leave();
    this.#sink.end(error);
  }

  #begin({ onEnded, open, errorOf }: SignInStreamOptions<Event>): void {
    const end = (why?: "renew") =>
      // To renew it, the client opens it again, and shows then that it still may.
      this.end(why === "renew" ? undefined : unauthorized());
    try {
      this.#unsubscribe = subscribe(onEnded, end, errorOf);
    } catch (error) {
      return this.end(error);
    }
    // It may have ended at once.
    if (this.#isOver) this.#forgetEnd();
    else this.#stream = open(this);
  }

  #forgetEnd(): void {
    try {
      this.#unsubscribe?.();
    } catch (cause) {
      // Nobody waits for the answer: the stream is over.
      this.#errorOf(new SessionsError("identify_failed", "The function that `onEnded` returned threw.", { cause }));
    }
  }
}

function subscribe(
  onEnded: OnEnded,
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

const unauthorized = () => new TRPCError({ code: "UNAUTHORIZED", message: "The sign-in has ended." });
