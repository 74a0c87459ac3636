import type { AnyFlow, Device, SessionsError, Step, WatchEvent } from "@sessions/core";
import { storedClockOffset } from "../store/clock-offset.ts";
import { isServerRender, type Environment } from "../environment.ts";
import { liftRecord } from "../record/lift.ts";
import { createConnection, type Connection } from "./connection.ts";
import { onPageEvents } from "./page-events.ts";
import { createDebounce } from "./debounce.ts";
import { createPusher } from "./pusher.ts";
import { createApi, type Api } from "./api.ts";
import { createStore, type Store } from "../store/store.ts";
import { openTabs, type TabMessage, type Tabs } from "./tabs.ts";
import type { SessionTransport } from "./transport.ts";
import { createWatcher } from "./watcher.ts";

/** How often deadlines are looked at, in milliseconds. */
const TICK_MS = 15_000;

export interface SyncOptions {
  readonly owner: string;
  readonly profile: string;
  readonly deviceName: string;
  readonly flows: ReadonlyMap<string, AnyFlow>;
  readonly transport: SessionTransport;
  readonly maxPushBytes: number;
  readonly environment: Environment;
  /** A developer should look at something. */
  readonly onError: (fault: SessionsError) => void;
  /** These records may look different now. */
  readonly onRecords: (ids: readonly string[]) => void;
  /** The connection, the storage or the time has changed: anything may look different. */
  readonly onStatusChange: () => void;
  /** The server could not be heard for a while, and now can. */
  readonly onReconnected: () => void;
}

/** Keeps the records of one owner and profile in step with the disk, the other tabs and the server. */
export interface Sync {
  readonly environment: Environment;
  readonly store: Store;
  readonly connection: Connection;
  readonly api: Api;
  readonly tabs: Pick<Tabs, "isLeader">;
  readonly isOpen: boolean;
  device(): Device;
  /** There is a command to push. */
  queued(): void;
  /** There is a draft to push, after a pause. */
  typed(): void;
  /** Asks the browser, once, not to evict what a person does here. */
  requestPersistence(): void;
  /** Opens the stream anew, if it is this tab's turn. */
  reconnect(): void;
  forget(): Promise<void>;
  close(): void;
}

/** What is behind each sessions object, for the devtools. */
export const syncs = new WeakMap<object, Sync>();

export function createSync(options: SyncOptions): Sync {
  const { owner, profile, flows, environment, onRecords, onStatusChange, onReconnected } = options;
  let isOpen = !isServerRender();

  const store = createStore({
    owner,
    profile,
    environment,
    lift: (record) => liftRecord(flows.get(record.flow), record),
    conceals: ({ flow }) => Object.values<Step>(flows.get(flow)?.steps ?? {}).some(({ sensitive }) => sensitive),
    onChange: onRecords,
    onStorage: onLeaderChange,
    onStored(id, met) {
      tabs.tell({ kind: "stored", ids: [id] });
      // Where tabs cannot tell one another, nobody else says that there is something to push; nor of what came to be
      // a draft without being typed.
      if (met || Object.keys(store.records.get(id)?.drafts ?? {}).length > 0) pause.begin();
    },
    onForgotten: abandon,
  });
  const device = (): Device => ({ id: store.device, name: options.deviceName });
  const connection = createConnection(environment, storedClockOffset, onLink);
  const api = createApi({ ...options, device, onSignedOut: connection.signedOut });
  const tabs = openTabs({
    name: store.name,
    environment,
    codeVersion: [...flows.values()]
      .map(({ name, version }) => `${name}@${version}`)
      .sort()
      .join(),
    onMessage,
    // The leader before may have stored what it could not tell any more.
    onTurn: () => (tabs.isLeader ? lookAround() : onLeaderChange()),
  });
  let kept = false;
  // What only this tab has in memory, no other tab can push.
  const isLeader = () => tabs.isLeader || store.storage === "memory";
  const watches = () => tabs.watches || store.storage === "memory";
  const pusher = createPusher({
    flows,
    store,
    api,
    connection,
    environment,
    device,
    isLeader,
    maxPushBytes: options.maxPushBytes,
    askServer: () => watcher.ask(),
  });
  const watcher = createWatcher({ flows, store, api, environment, connection, device, onEvent, onGap });
  const pause = createDebounce(environment, () => wake(true));
  const stopListening = onPageEvents({ onHidden, onAsleep, onBack, onConnection });
  let hasGap = false;
  let reloadedAtMs = 0;
  let cancelTick = isOpen ? environment.after(TICK_MS, tick) : () => {};
  let reading = store.ready.then(onLeaderChange);

  /** Pushes and watches if it is this tab's turn. */
  function onLeaderChange(): void {
    if (!isOpen || !store.loaded) return;
    onStatusChange();
    if (watches()) watcher.start();
    else watcher.stop();
    if (isLeader()) pusher.wake(true);
    tabs.ask();
  }

  function wake(drafts: boolean): void {
    if (!isOpen) return;
    if (isLeader()) pusher.wake(drafts);
    else {
      tabs.tell({ kind: "wake", drafts });
      tabs.ask();
    }
  }

  function requestPersistence(): void {
    if (kept) return;
    kept = true;
    void globalThis.navigator?.storage?.persist?.().catch(() => {});
  }

  function reconnect(): void {
    watcher.retry(true);
  }

  function retry(): void {
    pusher.retry();
    watcher.retry();
  }

  function onHidden(): void {
    pause.end();
    tabs.hidden();
  }

  function onAsleep(): void {
    tabs.leave();
    watcher.stop();
    store.release();
  }

  function onBack(): void {
    tabs.back();
    lookAround();
    retry();
  }

  /** What was missed: a tab may die between storing something and telling it. */
  function lookAround(): void {
    void store.refresh().then(onLeaderChange);
  }

  function tick(): void {
    cancelTick = environment.after(TICK_MS, tick);
    onStatusChange();
    if (hasGap) onGap();
    void store.heal();
    if (isLeader()) lookAround();
    else tabs.ask();
  }

  /** What the browser says may be wrong either way: the next answer decides. */
  function onConnection(): void {
    if (globalThis.navigator?.onLine === false) connection.failed();
    onStatusChange();
    if (watches()) watcher.ask();
  }

  /** Lists are asked for again, but not at every gap. */
  function onGap(): void {
    hasGap = environment.now() - reloadedAtMs < TICK_MS;
    if (hasGap) return;
    reloadedAtMs = environment.now();
    onReconnected();
  }

  function onEvent(event: WatchEvent): void {
    tabs.tell({ kind: "event", event });
  }

  function tellLink(): void {
    const { state, serverMs } = connection;
    if (tabs.isLeader || tabs.watches) tabs.tell({ kind: "link", state, serverMs });
  }

  function onLink(wasUp: boolean): void {
    if (!isOpen) return;
    tellLink();
    onStatusChange();
    if (connection.state.up && !wasUp) {
      // The push may still wait for its retry while the stream is back, and the other way round.
      retry();
      onReconnected();
    }
  }

  function onMessage(message: TabMessage): void {
    if (!isOpen) return;
    if (message.kind === "stored") reading = reading.then(() => store.refresh(message.ids));
    // What the other tab stored before it called is read first.
    if (message.kind === "wake" && tabs.isLeader) void reading.then(() => pusher.wake(message.drafts));
    // Where somebody has just opened a page, somebody may have signed in.
    if (message.kind === "hello" && connection.isSignedOut && isLeader()) watcher.ask();
    if (message.kind === "hello") tellLink();
    if (message.kind === "link" && !watches()) connection.adopt(message.state, message.serverMs);
    // The others of its team are told what it has stored.
    if (message.kind === "event" && tabs.isLeader && !tabs.watches) watcher.receive(message.event);
    if (message.kind === "forgotten") abandon();
  }

  function stop(): void {
    isOpen = false;
    stopListening();
    cancelTick();
    pause.cancel();
    pusher.close();
    watcher.close();
  }

  function abandon(): void {
    stop();
    tabs.close();
    store.abandon();
    // What is still on a screen says why it does not move any more.
    connection.signedOut();
    onStatusChange();
  }

  return {
    environment,
    store,
    connection,
    api,
    tabs,
    get isOpen() {
      return isOpen;
    },
    device,
    queued: () => wake(false),
    typed: pause.begin,
    requestPersistence,
    reconnect,
    async forget() {
      tabs.tell({ kind: "forgotten" });
      stop();
      tabs.close();
      await store.forget();
    },
    close() {
      stop();
      // The next leader finds everything that this tab had to write.
      void store.close().then(tabs.close);
    },
  };
}
