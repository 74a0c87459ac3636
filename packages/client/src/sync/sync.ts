import type { AnyFlow, Device, SessionsError, Step, WatchEvent } from "@sessions/core";
import { deviceClock } from "../store/clock-offset.ts";
import { isServer, type Environment } from "../environment.ts";
import { liftRecord } from "../record/lift.ts";
import { createLink, type Link } from "./connection.ts";
import { onPageEvents } from "./page-events.ts";
import { createPause } from "./debounce.ts";
import { createPusher } from "./pusher.ts";
import { createServer, type Server } from "./api.ts";
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
  readonly onCircumstances: () => void;
  /** The server could not be heard for a while, and now can. */
  readonly onReconnected: () => void;
}

/** Keeps the records of one owner and profile in step with the disk, the other tabs and the server. */
export interface Sync {
  readonly store: Store;
  readonly link: Link;
  readonly server: Server;
  readonly tabs: Pick<Tabs, "leads">;
  readonly isOpen: boolean;
  device(): Device;
  /** There is a command to push. */
  queued(): void;
  /** There is a draft to push, after a pause. */
  typed(): void;
  /** Asks the browser, once, not to evict what a person does here. */
  keep(): void;
  /** Opens the stream anew, if it is this tab's turn. */
  reconnect(): void;
  forget(): Promise<void>;
  close(): void;
}

/** What is behind each sessions object, for the devtools. */
export const syncs = new WeakMap<object, Sync>();

export function createSync(options: SyncOptions): Sync {
  const { owner, profile, flows, environment, onRecords, onCircumstances, onReconnected } = options;
  let isOpen = !isServer();

  const store = createStore({
    owner,
    profile,
    environment,
    lift: (record) => liftRecord(flows.get(record.flow), record),
    conceals: ({ flow }) => Object.values<Step>(flows.get(flow)?.steps ?? {}).some(({ sensitive }) => sensitive),
    onChange: onRecords,
    onStorage: takeTurn,
    onStored(id, met) {
      tabs.tell({ kind: "stored", ids: [id] });
      // Where tabs cannot tell one another, nobody else says that there is something to push; nor of what came to be
      // a draft without being typed.
      if (met || Object.keys(store.records.get(id)?.drafts ?? {}).length > 0) pause.begin();
    },
    onForgotten: abandon,
  });
  const device = (): Device => ({ id: store.device, name: options.deviceName });
  const link = createLink(environment, deviceClock, onLink);
  const server = createServer({ ...options, device, onSignedOut: link.signedOut });
  const tabs = openTabs({
    name: store.name,
    environment,
    team: [...flows.values()]
      .map(({ name, version }) => `${name}@${version}`)
      .sort()
      .join(),
    onMessage,
    // The leader before may have stored what it could not tell any more.
    onTurn: () => (tabs.leads ? lookAround() : takeTurn()),
  });
  let kept = false;
  // What only this tab has in memory, no other tab can push.
  const leads = () => tabs.leads || store.storage === "memory";
  const watches = () => tabs.watches || store.storage === "memory";
  const pusher = createPusher({
    flows,
    store,
    server,
    link,
    environment,
    device,
    leads,
    maxPushBytes: options.maxPushBytes,
    askServer: () => watcher.ask(),
  });
  const watcher = createWatcher({ flows, store, server, environment, link, device, onEvent, onGap });
  const pause = createPause(environment, () => wake(true));
  const stopListening = onPageEvents({ onHidden, onAsleep, onBack, onConnection });
  let hasGap = false;
  let reloadedAtMs = 0;
  let cancelTick = isOpen ? environment.after(TICK_MS, tick) : () => {};
  let reading = store.ready.then(takeTurn);

  /** Pushes and watches if it is this tab's turn. */
  function takeTurn(): void {
    if (!isOpen || !store.loaded) return;
    onCircumstances();
    if (watches()) watcher.start();
    else watcher.stop();
    if (leads()) pusher.wake(true);
    tabs.ask();
  }

  function wake(drafts: boolean): void {
    if (!isOpen) return;
    if (leads()) pusher.wake(drafts);
    else {
      tabs.tell({ kind: "wake", drafts });
      tabs.ask();
    }
  }

  function keep(): void {
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
    void store.refresh().then(takeTurn);
  }

  function tick(): void {
    cancelTick = environment.after(TICK_MS, tick);
    onCircumstances();
    if (hasGap) onGap();
    void store.heal();
    if (leads()) lookAround();
    else tabs.ask();
  }

  /** What the browser says may be wrong either way: the next answer decides. */
  function onConnection(): void {
    if (globalThis.navigator?.onLine === false) link.failed();
    onCircumstances();
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
    const { state, serverMs } = link;
    if (tabs.leads || tabs.watches) tabs.tell({ kind: "link", state, serverMs });
  }

  function onLink(wasUp: boolean): void {
    if (!isOpen) return;
    tellLink();
    onCircumstances();
    if (link.state.up && !wasUp) {
      // The push may still wait for its retry while the stream is back, and the other way round.
      retry();
      onReconnected();
    }
  }

  function onMessage(message: TabMessage): void {
    if (!isOpen) return;
    if (message.kind === "stored") reading = reading.then(() => store.refresh(message.ids));
    // What the other tab stored before it called is read first.
    if (message.kind === "wake" && tabs.leads) void reading.then(() => pusher.wake(message.drafts));
    // Where somebody has just opened a page, somebody may have signed in.
    if (message.kind === "hello" && link.state.signedOut && leads()) watcher.ask();
    if (message.kind === "hello") tellLink();
    if (message.kind === "link" && !watches()) link.adopt(message.state, message.serverMs);
    // The others of its team are told what it has stored.
    if (message.kind === "event" && tabs.leads && !tabs.watches) watcher.take(message.event);
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
    link.signedOut();
    onCircumstances();
  }

  return {
    store,
    link,
    server,
    tabs,
    get isOpen() {
      return isOpen;
    },
    device,
    queued: () => wake(false),
    typed: pause.begin,
    keep,
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
