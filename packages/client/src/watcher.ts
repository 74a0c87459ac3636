import { PROTOCOL_VERSION, type AnyFlow, type Device, type Snapshot } from "@sessions/core";
import { backoffMs, type Environment } from "./environment.ts";
import type { Link } from "./link.ts";
import { adopted } from "./adoption.ts";
import type { Server } from "./server.ts";
import type { Store } from "./store.ts";

/** After this silence, in milliseconds, a stream counts as broken: the server sends something every 15 seconds. */
const SILENCE_MS = 45_000;

export interface WatcherOptions {
  readonly server: Server;
  readonly environment: Environment;
  readonly link: Link;
  readonly flows: ReadonlyMap<string, AnyFlow>;
  readonly store: Store;
  readonly device: () => Device;
}

/** Holds the server's stream of all the owner's active sessions, and opens it again whenever it breaks: what it brings is in the store. */
export interface Watcher {
  start(): void;
  /** The connection may be back, or the stream may have died unnoticed. `asked`: say so, however alive it seems. */
  retry(asked?: boolean): void;
  close(): void;
}

export function createWatcher({ flows, store, server, environment, link, device }: WatcherOptions): Watcher {
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
    server.read(environment.id()).catch(() => {
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
    let asked: Record<string, number> | undefined = known();
    const told = new Set(Object.keys(asked));
    const end = server.watch(asked, {
      onData: ({ protocol, now, snapshots, more }) =>
        current(() => {
          failures = 0;
          awaitEvent();
          link.heard(now, protocol);
          if (protocol === PROTOCOL_VERSION) take(snapshots, asked && told, more);
          if (!more) asked = undefined;
        }),
      onError: () => current(lost),
      onComplete: () => current(lost),
      // An event source reconnects by itself with the revisions of its beginning; better with today's.
      onConnectionStateChange: ({ state, error }) =>
        current(() => {
          if (state === "connecting" && error) lost();
        }),
    });
    if (mine === stream) unsubscribe = end;
    else end();
  }

  function active(): Snapshot[] {
    return [...store.records.values()].flatMap(({ snapshot }) => (snapshot?.status === "active" ? [snapshot] : []));
  }

  /** Active sessions only, and the newest of them: they travel in a URL. */
  function known(): Record<string, number> {
    const newest = active()
      .sort((left, right) => (left.id < right.id ? 1 : -1))
      .slice(0, 100);
    return Object.fromEntries(newest.map(({ id, revision }) => [id, revision]));
  }

  function adopt(snapshot: Snapshot): void {
    void store.change(snapshot.id, adopted(snapshot, device(), flows.get(snapshot.flow)));
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
      const reply = await server.read(id).catch(() => undefined);
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
      if (!asked && !pausing && environment.now() - heardAtMs < SILENCE_MS / 2) return;
      failures = 0;
      connect();
    },
    close() {
      started = false;
      stop();
    },
  };
}
