import type { WatchEvent } from "@sessions/core";
import { backoffMs } from "../environment.ts";
import { createTimers } from "./timers.ts";
import { createChanges, type ChangesOptions } from "./changes.ts";

/** A stream's first event comes at once. After this silence, in milliseconds, something holds it back. */
const FIRST_MS = 5_000;

/** How long a stream may take to open, in milliseconds, before a call that gets through replaces it. */
const OPENING_MS = 2_000;

/** After this silence, in milliseconds, something holds later events back. The server sends one every 15 seconds. */
const QUIET_MS = 20_000;

/** After this silence, in milliseconds, a stream counts as broken. */
const SILENCE_MS = 45_000;

/** How often to ask while streams bring nothing, in milliseconds. */
const ASK_MS = 4_000;

/** How long to wait at most before another stream is tried, in milliseconds. */
const LONGEST_MS = 300_000;

export interface WatcherOptions extends ChangesOptions {
  /** There was a gap: a session may have begun and ended unseen. */
  readonly onGap: () => void;
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
  const { api, environment, connection, onGap } = options;
  const changes = createChanges(options);
  // The number of the newest stream. Events of an older stream are ignored.
  let stream = 0;
  let unsubscribe: (() => void) | undefined;
  const { set, clear } = createTimers<"quiet" | "silence" | "ask" | "connect">(environment, () => closed);
  let started = false;
  let closed = false;
  let opened = 0;
  let openedAtMs = 0;
  // Events of the stream so far. After a silence its first event is no proof that the stream works.
  let events = 0;
  let fellSilent = false;
  // In a row: streams without an event, calls that failed, and streams that ended soon after their events.
  let emptyStreams = 0;
  let failures = 0;
  let shortStreams = 0;
  let isAsking = false;

  const isLive = () => events > (fellSilent ? 1 : 0);

  function end(): void {
    stream += 1;
    clear("quiet", "silence", "connect");
    unsubscribe?.();
    unsubscribe = undefined;
  }

  /** Opens another stream. Some platforms cut every stream: the end of one that had events says nothing of the connection. */
  function reconnect(): void {
    const wasLive = events > 0;
    end();
    events = 0;
    if (wasLive) {
      const restMs = ASK_MS - Math.abs(environment.now() - openedAtMs);
      shortStreams = restMs > 0 ? shortStreams + 1 : 0;
      // Streams that end again and again are opened no more often than the client would ask.
      return set("connect", Math.max(shortStreams > 1 ? restMs : 0, backoffMs(1, environment)), connect);
    }
    emptyStreams += 1;
    set(
      "connect",
      Math.min(LONGEST_MS, 1_000 * 2 ** Math.min(emptyStreams, 10)) * (0.5 + environment.random() / 2),
      connect,
    );
    ask();
  }

  function connect(): void {
    end();
    events = 0;
    opened += 1;
    openedAtMs = environment.now();
    const number = stream;
    const ifCurrent = (run: () => void) => {
      if (number === stream) run();
    };
    set("quiet", FIRST_MS, ask);
    set("silence", SILENCE_MS, reconnect);
    const known = changes.revisions();
    let listed: Set<string> | undefined = new Set(Object.keys(known));
    const unsubscribeIt = api.watch(known, {
      onData: (event) =>
        ifCurrent(() => {
          events += 1;
          failures = 0;
          if (isLive()) {
            fellSilent = false;
            emptyStreams = 0;
            clear("ask");
          }
          set("quiet", QUIET_MS, () => {
            fellSilent = true;
            events = 1;
            ask();
          });
          set("silence", SILENCE_MS, reconnect);
          changes.receive(event, listed);
          if (!event.more) listed = undefined;
          if (events === 1 && opened > 1) onGap();
        }),
      onError: (error) =>
        ifCurrent(() => {
          changes.nameFewer(error);
          reconnect();
        }),
      onComplete: () => ifCurrent(reconnect),
      // An event source would reconnect by itself, with the revisions of its beginning. Today's revisions are better.
      onConnectionStateChange: ({ state, error }) =>
        ifCurrent(() => {
          if (state === "connecting" && error) reconnect();
        }),
    });
    if (number === stream) unsubscribe = unsubscribeIt;
    else unsubscribeIt();
  }

  /** Asks for the events of a stream, again and again while no stream brings them. */
  function ask(): void {
    if (isAsking || closed) return;
    isAsking = true;
    clear("ask");
    void changes
      .read(() => !closed)
      .then(
        () => {
          isAsking = false;
          const wasUnreachable = failures > 0;
          failures = 0;
          if (!started) return;
          if (wasUnreachable) {
            emptyStreams = 0;
            connect();
          }
          if (isLive()) return;
          onGap();
          set("ask", ASK_MS, ask);
        },
        (error: unknown) => {
          isAsking = false;
          failures += 1;
          changes.nameFewer(error);
          connection.failed();
          // In the same way the client hears that somebody has signed in again.
          if (started || connection.state.signedOut) set("ask", backoffMs(failures, environment), ask);
        },
      );
  }

  function halt(): void {
    started = false;
    end();
    clear("ask");
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
      const isFine = isLive() && connection.state.up && nowMs - changes.heardAtMs < QUIET_MS;
      if (isFine && !force) return;
      failures = 0;
      emptyStreams = 0;
      const isOpening = unsubscribe && events === 0 && nowMs - openedAtMs < OPENING_MS;
      if (!isOpening || force) connect();
    },
    ask,
    receive: changes.accept,
    stop() {
      if (started) halt();
    },
    close() {
      closed = true;
      halt();
    },
  };
}
