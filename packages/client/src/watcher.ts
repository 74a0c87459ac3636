import { PROTOCOL_VERSION, type Snapshot } from "@sessions/core";
import { backoffMs, type Environment } from "./environment.ts";
import type { Link } from "./link.ts";
import type { SessionTransport } from "./transport.ts";

/** After this silence, in milliseconds, a stream counts as broken: the server sends something every 15 seconds. */
const SILENCE_MS = 45_000;

export interface WatcherOptions {
  readonly transport: SessionTransport;
  readonly environment: Environment;
  readonly link: Link;
  /** The revisions that this device has. */
  readonly known: () => Readonly<Record<string, number>>;
  /** `known` comes with the first answer of each stream: what it was asked with. */
  readonly onSnapshots: (snapshots: readonly Snapshot[], known?: Readonly<Record<string, number>>) => void;
}

/** Holds the server's stream of all the owner's active sessions, and opens it again whenever it breaks. */
export interface Watcher {
  start(): void;
  /** The connection may be back, or the stream may have died unnoticed. */
  retry(): void;
  close(): void;
}

export function createWatcher({ transport, environment, link, known, onSnapshots }: WatcherOptions): Watcher {
  // What an older stream still says counts no more.
  let stream = 0;
  let unsubscribe: (() => void) | undefined;
  let cancelTimer: (() => void) | undefined;
  let failures = 0;
  let heardAtMs = 0;
  let started = false;
  let pausing = false;

  function stop(): void {
    stream += 1;
    cancelTimer?.();
    unsubscribe?.();
    unsubscribe = undefined;
  }

  function lost(): void {
    stop();
    link.failed();
    failures += 1;
    pausing = true;
    // Asking again does not sign anyone in.
    if (link.state.signedOut) return;
    askWhy();
    cancelTimer = environment.after(backoffMs(failures, environment), connect);
  }

  /** An event source does not tell that the server refused; a call for no session of anyone's does. */
  function askWhy(): void {
    const mine = stream;
    const ask = () => transport.read.query({ session: environment.id() });
    ask().catch(() => {
      if (mine === stream && link.state.signedOut) cancelTimer?.();
    });
  }

  function awaitEvent(): void {
    heardAtMs = environment.now();
    cancelTimer?.();
    cancelTimer = environment.after(SILENCE_MS, lost);
  }

  function connect(): void {
    stop();
    pausing = false;
    const mine = stream;
    const current = (run: () => void) => {
      if (mine === stream) run();
    };
    awaitEvent();
    let asked: Readonly<Record<string, number>> | undefined = known();
    const subscription = transport.watch.subscribe(
      { protocol: PROTOCOL_VERSION, known: { ...asked } },
      {
        onData: ({ protocol, now, snapshots }) =>
          current(() => {
            failures = 0;
            awaitEvent();
            link.heard(now, protocol);
            if (protocol === PROTOCOL_VERSION) onSnapshots(snapshots, asked);
            asked = undefined;
          }),
        onError: () => current(lost),
        onComplete: () => current(lost),
        // An event source reconnects by itself with the revisions of its beginning; better with today's.
        onConnectionStateChange: ({ state, error }) =>
          current(() => {
            if (state === "connecting" && error) lost();
          }),
      },
    );
    if (mine === stream) unsubscribe = () => subscription.unsubscribe();
    else subscription.unsubscribe();
  }

  return {
    start() {
      if (started) return;
      started = true;
      connect();
    },
    retry() {
      if (!started) return;
      if (!pausing && environment.now() - heardAtMs < SILENCE_MS / 2) return;
      failures = 0;
      connect();
    },
    close() {
      started = false;
      stop();
    },
  };
}
