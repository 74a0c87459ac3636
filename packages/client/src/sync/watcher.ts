import { PROTOCOL_VERSION, type AnyFlow, type Device, type Snapshot, type WatchEvent } from "@sessions/core";
import { answerOf, isFinal } from "./answer.ts";
import { backoffMs, type Environment } from "../environment.ts";
import type { Connection } from "./connection.ts";
import { applySnapshot } from "../record/snapshot.ts";
import type { Api } from "./api.ts";
import type { Store } from "../store/store.ts";

/** A stream's first event comes at once. After this silence, in milliseconds, something is holding it back. */
const FIRST_MS = 5_000;

/** How long a stream that is being opened is left alone, in milliseconds, when a call gets through before it. */
const OPENING_MS = 2_000;

/** After this silence, in milliseconds, something holds back what follows: the server sends something every 15 seconds. */
const QUIET_MS = 20_000;

/** After this silence, in milliseconds, a stream counts as broken. */
const SILENCE_MS = 45_000;

/** How often to ask while streams bring nothing, in milliseconds. */
const ASK_MS = 4_000;

/** How long to wait at most before another stream is tried, in milliseconds. */
const LONGEST_MS = 300_000;

export interface WatcherOptions {
  readonly api: Api;
  readonly environment: Environment;
  readonly connection: Connection;
  readonly flows: ReadonlyMap<string, AnyFlow>;
  readonly store: Store;
  readonly device: () => Device;
  /** What has come, for those who do not watch themselves. */
  readonly onEvent: (event: WatchEvent) => void;
  /** There was a gap, in which a session may have begun and ended unseen. */
  readonly onGap: () => void;
}

/**
 * Holds the server's stream of all the owner's active sessions, and opens it again whenever it ends: what it brings is
 * in the store. While streams bring nothing and calls get through, it asks instead.
 */
export interface Watcher {
  start(): void;
  /** The connection may be back, or the stream may have died unnoticed. `asked`: say so, however alive it seems. */
  retry(asked?: boolean): void;
  /** Asks the server once, which tells whether it is there. */
  ask(): void;
  /** Another tab's stream has brought something. */
  take(event: WatchEvent): void;
  /** Another tab's turn. */
  stop(): void;
  close(): void;
}

export function createWatcher(options: WatcherOptions): Watcher {
  const { flows, store, api, environment, connection, device, onEvent, onGap } = options;
  // What an older stream still says counts no more.
  let stream = 0;
  let unsubscribe: (() => void) | undefined;
  const timers: Record<"quiet" | "silence" | "ask" | "connect", (() => void) | undefined> = {
    quiet: undefined,
    silence: undefined,
    ask: undefined,
    connect: undefined,
  };
  let started = false;
  let closed = false;
  let opened = 0;
  let openedAtMs = 0;
  let heardAtMs = 0;
  // What the stream has brought; whether one before fell silent, so that the first event is no proof.
  let brought = 0;
  let doubted = false;
  // Streams in a row that brought nothing, and calls in a row that failed.
  let mute = 0;
  let failures = 0;
  // Streams in a row that brought something and ended soon.
  let brief = 0;
  let asking = false;
  // How many sessions can be asked about: they travel in a URL.
  let room = 100;

  const isLive = () => brought > (doubted ? 1 : 0);

  function set(name: keyof typeof timers, ms: number, run: () => void): void {
    if (closed) return;
    timers[name]?.();
    timers[name] = environment.after(ms, () => {
      timers[name] = undefined;
      run();
    });
  }

  function clear(...names: readonly (keyof typeof timers)[]): void {
    for (const name of names) {
      timers[name]?.();
      timers[name] = undefined;
    }
  }

  function end(): void {
    stream += 1;
    clear("quiet", "silence", "connect");
    unsubscribe?.();
    unsubscribe = undefined;
  }

  /** A stream that had brought something was cut, as some platforms do to each: that alone says nothing of the connection. */
  function ended(): void {
    const wasLive = brought > 0;
    end();
    brought = 0;
    if (wasLive) {
      const restMs = ASK_MS - Math.abs(environment.now() - openedAtMs);
      brief = restMs > 0 ? brief + 1 : 0;
      // One that ends again and again is opened no more often than would be asked.
      return set("connect", Math.max(brief > 1 ? restMs : 0, backoffMs(1, environment)), connect);
    }
    mute += 1;
    set("connect", Math.min(LONGEST_MS, 1_000 * 2 ** Math.min(mute, 10)) * (0.5 + environment.random() / 2), connect);
    ask();
  }

  function connect(): void {
    end();
    brought = 0;
    opened += 1;
    openedAtMs = environment.now();
    const mine = stream;
    const current = (run: () => void) => {
      if (mine === stream) run();
    };
    set("quiet", FIRST_MS, ask);
    set("silence", SILENCE_MS, ended);
    let asked: Record<string, number> | undefined = known();
    const told = new Set(Object.keys(asked));
    const unsubscribeThis = api.watch(asked, {
      onData: (event) =>
        current(() => {
          brought += 1;
          failures = 0;
          if (isLive()) {
            doubted = false;
            mute = 0;
            clear("ask");
          }
          set("quiet", QUIET_MS, () => {
            doubted = true;
            brought = 1;
            ask();
          });
          set("silence", SILENCE_MS, ended);
          heard(event, asked && told);
          if (!event.more) asked = undefined;
          if (brought === 1 && opened > 1) onGap();
        }),
      onError: (error) =>
        current(() => {
          shorten(error);
          ended();
        }),
      onComplete: () => current(ended),
      // An event source reconnects by itself with the revisions of its beginning; better with today's.
      onConnectionStateChange: ({ state, error }) =>
        current(() => {
          if (state === "connecting" && error) ended();
        }),
    });
    if (mine === stream) unsubscribe = unsubscribeThis;
    else unsubscribeThis();
  }

  /** Asks for what a stream would bring, again and again while none does. */
  function ask(): void {
    if (asking || closed) return;
    asking = true;
    clear("ask");
    void changes(known()).then(
      () => {
        asking = false;
        const wasAway = failures > 0;
        failures = 0;
        if (!started) return;
        if (wasAway) {
          mute = 0;
          connect();
        }
        if (isLive()) return;
        onGap();
        set("ask", ASK_MS, ask);
      },
      (error: unknown) => {
        asking = false;
        failures += 1;
        shorten(error);
        connection.failed();
        // Whether somebody has signed in again is heard in the same way.
        if (started || connection.isSignedOut) set("ask", backoffMs(failures, environment), ask);
      },
    );
  }

  /** Takes them page by page. */
  async function changes(asked: Record<string, number>): Promise<void> {
    const told = new Set(Object.keys(asked));
    for (let after: string | undefined, more = true; more && !closed;) {
      const event = await api.changes(asked, after);
      heard(event, told);
      after = event.snapshots.at(-1)?.id;
      more = event.more && after !== undefined;
    }
  }

  /** Some servers refuse a long URL. */
  function shorten(error: unknown): void {
    const { status = 0, isRouters } = answerOf(error) ?? {};
    if (!isRouters && isFinal(status) && status !== 404) room = Math.min(room, active().length) >> 1;
  }

  function heard(event: WatchEvent, told?: Set<string>): void {
    heardAtMs = environment.now();
    connection.heard(event.now, event.protocol);
    if (event.protocol !== PROTOCOL_VERSION) return;
    take(event.snapshots, told, event.more);
    if (event.snapshots.length > 0) onEvent(event);
  }

  function active(): Snapshot[] {
    return [...store.records.values()].flatMap(({ snapshot }) => (snapshot?.status === "active" ? [snapshot] : []));
  }

  /** Active sessions only, and the newest of them. */
  function known(): Record<string, number> {
    const newest = active()
      .sort((left, right) => (left.id < right.id ? 1 : -1))
      .slice(0, room);
    return Object.fromEntries(newest.map(({ id, revision }) => [id, revision]));
  }

  function adopt(snapshot: Snapshot): void {
    void store.change(snapshot.id, applySnapshot(snapshot, device(), flows.get(snapshot.flow)));
  }

  /** `told`: what the beginning of the stream has named; while `more` of it follows, what is missing is not known yet. */
  function take(snapshots: readonly Snapshot[], told: Set<string> | undefined, more: boolean): void {
    for (const snapshot of snapshots) adopt(snapshot);
    for (const { id } of snapshots) told?.add(id);
    if (told !== undefined && !more) void readEach(active().filter(({ id }) => !told.has(id)));
  }

  /** Active here, not asked about for want of room, and not told of among all that are active: they have ended. */
  async function readEach(ended: readonly Snapshot[]): Promise<void> {
    for (const { id } of ended) {
      const reply = await api.read(id).catch(() => undefined);
      if (reply?.session) adopt(reply.session);
    }
  }

  return {
    start() {
      if (started) return;
      started = true;
      connect();
    },
    retry(asked = false) {
      if (!started) return;
      const nowMs = environment.now();
      const isFine = isLive() && connection.state.up && nowMs - heardAtMs < QUIET_MS;
      if (isFine && !asked) return;
      failures = 0;
      mute = 0;
      const isOpening = unsubscribe && brought === 0 && nowMs - openedAtMs < OPENING_MS;
      if (!isOpening || asked) connect();
    },
    ask,
    take: ({ now, protocol, snapshots }) => {
      connection.heard(now, protocol);
      if (protocol === PROTOCOL_VERSION) take(snapshots, undefined, false);
    },
    stop() {
      if (!started) return;
      started = false;
      end();
      clear("ask");
    },
    close() {
      started = false;
      closed = true;
      end();
      clear("ask");
    },
  };
}
