import { backoffMs, isServerRender, type Environment } from "../environment.ts";
import { createTimer } from "../sync/timer.ts";
import type { SignInApi } from "./sign-in-api.ts";
import type { KnownSignIn } from "./sign-in-state.ts";

/** How long the page waits before it opens a stream, in milliseconds: its sessions may be about to have one. */
const OPEN_MS = 1_000;
/** After this silence, in milliseconds, a stream counts as broken. The server sends a heartbeat every 15 seconds. */
const SILENCE_MS = 45_000;

/** A stream that tells a page without sessions at once that its sign-in has ended. It is open while the page is visible. */
export interface EndStream {
  /** The page has sessions, whose stream ends with the sign-in. Returns a function that ends this. */
  leaveToSessions(): () => void;
  close(): void;
}

export interface EndStreamOptions {
  readonly api: Pick<SignInApi, "watch">;
  readonly known: KnownSignIn;
  readonly environment: Environment;
}

export function createEndStream({ api, known, environment }: EndStreamOptions): EndStream {
  const opening = createTimer(environment);
  const silence = createTimer(environment);
  /** The sign-in whose end the stream tells. */
  let watched: string | undefined;
  let stop = () => {};
  let failures = 0;
  let sessions = 0;
  // A server of before has no such stream.
  let isOver = isServerRender();
  const unsubscribe = isOver ? () => {} : known.subscribe(update);
  if (!isOver) document.addEventListener("visibilitychange", update);

  function update(): void {
    const isWanted = !isOver && sessions === 0 && document.visibilityState === "visible";
    const wanted = isWanted ? heldIn(known) : undefined;
    if (wanted === watched) return;
    close();
    watched = wanted;
    if (wanted !== undefined) opening.set(OPEN_MS, open);
  }

  function open(): void {
    silence.set(SILENCE_MS, end);
    stop = api.watch({
      onEvent() {
        failures = 0;
        silence.set(SILENCE_MS, end);
      },
      onEnd(isMissing) {
        isOver ||= isMissing;
        end();
      },
    });
  }

  /** The sign-in may have ended, or only the stream. */
  function end(): void {
    close();
    known.ask();
    failures += 1;
    if (!isOver) opening.set(OPEN_MS + backoffMs(failures, environment), open);
  }

  function close(): void {
    opening.clear();
    silence.clear();
    stop();
    stop = () => {};
  }

  return {
    leaveToSessions() {
      sessions += 1;
      update();
      let left = false;
      return () => {
        if (!left) sessions -= 1;
        left = true;
        update();
      };
    },
    close() {
      isOver = true;
      close();
      unsubscribe();
      globalThis.document?.removeEventListener("visibilitychange", update);
    },
  };
}

/** The sign-in of this browser, or what a guest holds; undefined for nobody. */
function heldIn({ state }: KnownSignIn): string | undefined {
  if (state.status === "signed_in") return state.signIn.id;
  return state.status === "guest" ? `${state.session} ${state.endsAt}` : undefined;
}
