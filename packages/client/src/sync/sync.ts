import { SessionsError, type AnyFlow, type Device } from "@sessions/core/internal";
import { storedClockOffset } from "../store/clock-offset.ts";
import { createPersistenceRequest } from "../store/persistence-request.ts";
import { isServerRender, type Environment } from "../environment.ts";
import { hasSensitiveStep, liftRecord } from "../record/lift.ts";
import { createConnection, type Connection } from "./connection.ts";
import { createDebounce } from "./debounce.ts";
import { createPusher } from "./push/pusher.ts";
import { createApi, type Api } from "./api.ts";
import { createStore, type Store } from "../store/store.ts";
import { createTabReceiver } from "./tab-receiver.ts";
import { openTabs, type Tabs } from "./tabs/tabs.ts";
import type { SessionTransport } from "./http/transport.ts";
import { followPage, TICK_MS } from "./page-life.ts";
import { createThrottle } from "./throttle.ts";
import { createWatcher } from "./watcher.ts";

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
  /** False after `close`, after `forget` in any tab, and on a server. */
  isOpen(): boolean;
  /** @throws {SessionsError} `closed` if this is not open */
  assertOpen(): void;
  device(): Device;
  /** Pushes the pending commands. */
  push(): void;
  /** Pushes the drafts after a pause. */
  pushDrafts(): void;
  /** Asks the browser, once, not to evict what a person does here. */
  requestPersistence(): void;
  /** Opens another stream, if this tab watches. */
  reconnect(): void;
  forget(): Promise<void>;
  close(): void;
}

/** The sync of each sessions object, for the devtools. */
export const syncBySessions = new WeakMap<object, Sync>();

export function createSync(options: SyncOptions): Sync {
  const { flows, environment, onStatusChange, onReconnected } = options;
  let isOpen = !isServerRender();

  const store = createStore({
    ...options,
    lift: (record) => liftRecord(flows.get(record.flow), record),
    conceals: ({ flow }) => hasSensitiveStep(flows.get(flow)),
    onChange: options.onRecords,
    onStorage: startOrStop,
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
    codeVersion: codeVersionOf(flows),
    connection,
    isAlone: () => store.storage() === "memory",
    onMessage: (message) => receive(message),
    // The earlier leader may have stored something that it could not tell any more.
    onChange: () => (tabs.isLeader ? readAgain() : startOrStop()),
  });
  const parts = { flows, store, api, environment, connection, tabs, device, isOpen: () => isOpen };
  // The lists are loaded again, but not at every gap.
  const gaps = createThrottle(environment, TICK_MS, onReconnected);
  const watcher = createWatcher({
    ...parts,
    onGap: gaps.call,
    onEvent: (event) => tabs.tell({ kind: "event", event }),
  });
  const pusher = createPusher({ ...parts, maxPushBytes: options.maxPushBytes, askServer: watcher.ask });
  const pause = createDebounce(environment, () => wake(true));
  const leavePage = isOpen ? followPage({ ...parts, pusher, watcher, pause, onStatusChange, readAgain }) : () => {};
  const receive = createTabReceiver({ ...parts, pusher, watcher, abandon }, store.ready.then(startOrStop));

  /** Pushes and watches if this tab is the leader, and stops otherwise. */
  function startOrStop(): void {
    if (!isOpen || !store.loaded) return;
    onStatusChange();
    if (tabs.watches) watcher.start();
    else watcher.stop();
    if (tabs.isLeader) pusher.wake(true);
    tabs.ask();
  }

  function wake(drafts: boolean): void {
    if (!isOpen) return;
    if (tabs.isLeader) return pusher.wake(drafts);
    tabs.tell({ kind: "wake", drafts });
    tabs.ask();
  }

  function readAgain(): void {
    void store.refresh().then(startOrStop);
  }

  function onConnectionState(wasUp: boolean): void {
    if (!isOpen) return;
    tabs.tellConnection();
    onStatusChange();
    if (connection.state.up && !wasUp) {
      // The stream may be back while the push still waits for its retry, and the other way round.
      pusher.retry();
      watcher.retry();
      onReconnected();
    }
  }

  function stop(): void {
    isOpen = false;
    leavePage();
    gaps.cancel();
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
    ...parts,
    assertOpen() {
      if (!isOpen) throw new SessionsError("closed", "Open in a browser, until close() or forget().");
    },
    push: () => wake(false),
    pushDrafts: pause.begin,
    requestPersistence: createPersistenceRequest(),
    reconnect: () => watcher.retry(true),
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

/** Tabs with the same flows, in the same versions, can push for one another. */
function codeVersionOf(flows: ReadonlyMap<string, AnyFlow>): string {
  const versions = [...flows.values()].map(({ name, version }) => `${name}@${version}`);
  return versions.sort().join();
}
