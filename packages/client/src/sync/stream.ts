import type { Environment } from "../environment.ts";
import type { Api } from "./api.ts";
import type { IncomingSnapshots } from "./incoming-snapshots.ts";
import { createTimer } from "./timer.ts";

/** A stream's first event comes at once. After this silence, in milliseconds, something holds it back. */
const FIRST_MS = 5_000;

/** After this silence, in milliseconds, something holds later events back. The server sends one every 15 seconds. */
export const QUIET_MS = 20_000;

/** After this silence, in milliseconds, a stream counts as broken. */
const SILENCE_MS = 45_000;

export interface StreamOptions {
  readonly api: Api;
  readonly environment: Environment;
  readonly incoming: IncomingSnapshots;
  /** An event has come. It is stored after this call. */
  readonly onEvent: () => void;
  /** No event has come for a while. */
  readonly onQuiet: () => void;
  /** It ended, broke, or fell silent. It is closed. */
  readonly onEnd: () => void;
}

/** Opens one stream of the server's events, and stores them. Returns a function that closes it: then it calls nothing any more. */
export function openStream({ api, environment, incoming, onEvent, onQuiet, onEnd }: StreamOptions): () => void {
  let closed = false;
  let unsubscribe: (() => void) | undefined;
  const quiet = createTimer(environment);
  const silence = createTimer(environment);
  const known = incoming.revisions();
  let listed: Set<string> | undefined = new Set(Object.keys(known));

  function close(): void {
    closed = true;
    quiet.clear();
    silence.clear();
    unsubscribe?.();
  }

  function end(): void {
    if (closed) return;
    close();
    onEnd();
  }

  function awaitEvent(quietMs: number): void {
    quiet.set(quietMs, onQuiet);
    silence.set(SILENCE_MS, end);
  }

  awaitEvent(FIRST_MS);
  unsubscribe = api.watch(known, {
    onData(event) {
      if (closed) return;
      awaitEvent(QUIET_MS);
      onEvent();
      incoming.receive(event, listed);
      if (!event.more) listed = undefined;
    },
    onError(error) {
      if (closed) return;
      incoming.nameFewer(error);
      end();
    },
    onComplete: end,
    // An event source would reconnect by itself, with the revisions of its beginning. Today's revisions are better.
    onConnectionStateChange({ state, error }) {
      if (state === "connecting" && error) end();
    },
  });
  if (closed) unsubscribe();
  return close;
}
