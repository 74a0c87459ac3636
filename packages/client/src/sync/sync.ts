import type { AnyFlow, Device, SessionsError, Step, WatchEvent } from "@sessions/core";
import { storedClockOffset } from "../store/clock-offset.ts";
import { isServerRender, type Environment } from "../environment.ts";
import { liftRecord } from "../record/lift.ts";
import { createConnection, type Connection } from "./connection.ts";
import { onPageEvents } from "./tabs/page-events.ts";
import { createDebounce } from "./debounce.ts";
import { createPusher } from "./pusher.ts";
import { createApi, type Api } from "./api.ts";
import { createStore, type Store } from "../store/store.ts";
import { openTabs, type TabMessage, type Tabs } from "./tabs/tabs.ts";
import type { SessionTransport } from "./http/transport.ts";
import { createWatcher } from "./watcher.ts";

/** How often the client checks deadlines, in milliseconds. */
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
  /** These records may have changed. */
  readonly onRecords: (ids: readonly string[]) => void;
  /** The connection, the storage or the time has changed, and so may every state. */
  readonly onStatusChange: () => void;
  /** The server can be reached again after a while. */
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
  /** Opens another stream, if this tab watches. */
  reconnect(): void;
  forget(): Promise<void>;
  close(): void;
}

/** The sync of each sessions object, for the devtools. */
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
      // Nothing else wakes the pusher in two cases: tabs cannot tell one another, or a refused input became a draft.
      if (met || Object.keys(store.records.get(id)?.drafts ?? {}).length > 0) pause.begin();
    },
    onForgotten: abandon,
  });
  const device = (): Device => ({ id: store.device, name: options.deviceName });
  const connection = createConnection(environment, storedClockOffset, onConnectionState);
  const api = createApi({ ...options, device, onSignedOut: connection.signedOut });
  const tabs = openTabs({
    name: store.name,
    environment,
    codeVersion: [...flows.values()]
      .map(({ name, version }) => `${name}@${version}`)
      .sort()
      .join(),
    onMessage,
    // The earlier leader may have stored something that it could not tell any more.
    onTurn: () => (tabs.isLeader ? readAgain() : onLeaderChange()),
  });
  let askedForPersistence = false;
  // No other tab can push records that are in this tab's memory alone.
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

  /** Pushes and watches if this tab is elected. */
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
    if (askedForPersistence) return;
    askedForPersistence = true;
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
    readAgain();
    retry();
  }

  /** Reads everything again: a tab may die after it stored something and before it tells the others. */
  function readAgain(): void {
    void store.refresh().then(onLeaderChange);
  }

  function tick(): void {
    cancelTick = environment.after(TICK_MS, tick);
    onStatusChange();
    if (hasGap) onGap();
    void store.heal();
    if (isLeader()) readAgain();
    else tabs.ask();
  }

  /** The browser may be wrong about the connection, so the next answer decides. */
  function onConnection(): void {
    if (globalThis.navigator?.onLine === false) connection.failed();
    onStatusChange();
    if (watches()) watcher.ask();
  }

  /** Loads the lists again, but not at every gap. */
  function onGap(): void {
    hasGap = environment.now() - reloadedAtMs < TICK_MS;
    if (hasGap) return;
    reloadedAtMs = environment.now();
    onReconnected();
  }

  function onEvent(event: WatchEvent): void {
    tabs.tell({ kind: "event", event });
  }

  function tellConnection(): void {
    const { state, serverMs } = connection;
    if (tabs.isLeader || tabs.watches) tabs.tell({ kind: "link", state, serverMs });
  }

  function onConnectionState(wasUp: boolean): void {
    if (!isOpen) return;
    tellConnection();
    onStatusChange();
    if (connection.state.up && !wasUp) {
      // The stream may be back while the push still waits for its retry, and the other way round.
      retry();
      onReconnected();
    }
  }

  function onMessage(message: TabMessage): void {
    if (!isOpen) return;
    if (message.kind === "stored") reading = reading.then(() => store.refresh(message.ids));
    // First the records that the other tab stored before it called are read.
    if (message.kind === "wake" && tabs.isLeader) void reading.then(() => pusher.wake(message.drafts));
    // Somebody has just opened a page, and may have signed in.
    if (message.kind === "hello" && connection.state.signedOut && isLeader()) watcher.ask();
    if (message.kind === "hello") tellConnection();
    if (message.kind === "link" && !watches()) connection.adopt(message.state, message.serverMs);
    // This tab stores the event, and tells the tabs of its version.
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
    // The screens show why they do not change any more.
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
