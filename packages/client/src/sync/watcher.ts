import type { WatchEvent } from "@sessions/core/internal";
import { createIncomingSnapshots, type IncomingSnapshotsOptions } from "./incoming-snapshots.ts";
import { createPolling } from "./polling.ts";
import { openStream, QUIET_MS } from "./stream.ts";
import { createStreamPauses } from "./stream-pauses.ts";
import { createTimer } from "./timer.ts";

/** How long a stream may take to open, in milliseconds, before a call that gets through replaces it. */
const OPENING_MS = 2_000;

export interface WatcherOptions extends IncomingSnapshotsOptions {
  /** There was a gap: a session may have begun and ended unseen. */
  readonly onGap: () => void;
  readonly isOpen: () => boolean;
}

/**
 * Holds the server's stream of all the owner's active sessions, stores its events, and opens it again whenever it ends.
 * While streams bring nothing and calls get through, it asks instead.
 */
export interface Watcher {
  start(): void;
  /** The connection may be back, or the stream may have died unnoticed. `force`: opens another stream even if this one seems to work. */
  retry(force?: boolean): void;
  /** Asks the server once. The answer tells whether the server can be reached. */
  ask(): void;
  /** Stores an event of another tab's stream. */
  receive(event: WatchEvent): void;
  /** Another tab watches now. */
  stop(): void;
  close(): void;
}

export function createWatcher(options: WatcherOptions): Watcher {
  const { environment, connection, onGap } = options;
  const incoming = createIncomingSnapshots(options);
  const polling = createPolling({ ...options, incoming, onAnswer, isWanted });
  const pause = createTimer(environment);
  const pauses = createStreamPauses(environment);
  let closeStream = () => {};
  let started = false;
  let opened = 0;
  let openedAtMs = 0;
  // Events of the stream so far. After a silence its first event is no proof that the stream works.
  let events = 0;
  let fellSilent = false;

  const isLive = () => events > (fellSilent ? 1 : 0);

  function end(): void {
    pause.clear();
    closeStream();
  }

  function connect(): void {
    end();
    events = 0;
    opened += 1;
    openedAtMs = environment.now();
    closeStream = openStream({ ...options, incoming, onEvent, onQuiet, onEnd });
  }

  function onEvent(): void {
    events += 1;
    polling.reset();
    if (isLive()) {
      fellSilent = false;
      pauses.reset();
      polling.stop();
    }
    if (events === 1 && opened > 1) onGap();
  }

  function onQuiet(): void {
    fellSilent ||= events > 0;
    events = Math.min(events, 1);
    polling.ask();
  }

  /** Opens another stream. Some platforms cut every stream: the end of one that had events says nothing of the connection. */
  function onEnd(): void {
    const wasLive = events > 0;
    events = 0;
    pause.set(pauses.nextMs(wasLive, openedAtMs), connect);
    if (!wasLive) polling.ask();
  }

  function onAnswer(wasUnreachable: boolean): boolean {
    if (started && wasUnreachable) {
      pauses.reset();
      connect();
    }
    if (!started || isLive()) return false;
    onGap();
    return true;
  }

  /** While nobody is signed in, an answer tells that somebody has signed in again. */
  function isWanted(): boolean {
    return started || connection.state.signedOut;
  }

  function halt(): void {
    started = false;
    end();
    polling.stop();
  }

  return {
    start() {
      if (started) return;
      started = true;
      connect();
    },
    retry(force = false) {
      if (!started) return;
      const nowMs = environment.now();
      const isFine = isLive() && connection.state.up && nowMs - incoming.heardAtMs < QUIET_MS;
      if (isFine && !force) return;
      polling.reset();
      pauses.reset();
      const isOpening = !pause.isSet && events === 0 && nowMs - openedAtMs < OPENING_MS;
      if (!isOpening || force) connect();
    },
    ask: polling.ask,
    receive: incoming.accept,
    stop() {
      if (started) halt();
    },
    close: halt,
  };
}
