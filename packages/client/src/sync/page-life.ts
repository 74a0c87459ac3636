import type { Environment } from "../environment.ts";
import type { Store } from "../store/store.ts";
import type { Connection } from "./connection.ts";
import type { Debounce } from "./debounce.ts";
import type { Pusher } from "./push/pusher.ts";
import { createTimer } from "./timer.ts";
import type { Tabs } from "./tabs/tabs.ts";
import type { Watcher } from "./watcher.ts";

/** How often the client checks deadlines, in milliseconds. */
export const TICK_MS = 15_000;

export interface PageLifeOptions {
  readonly environment: Environment;
  readonly store: Store;
  readonly connection: Connection;
  readonly tabs: Tabs;
  readonly pusher: Pusher;
  readonly watcher: Watcher;
  /** The pause of a person who types. */
  readonly pause: Debounce;
  readonly onStatusChange: () => void;
  /** Reads everything again: a tab may die after it stored something and before it tells the others. */
  readonly readAgain: () => void;
}

/** Does what is due when the page is hidden, falls asleep or comes back, and from time to time. The returned function ends this. */
export function followPage(options: PageLifeOptions): () => void {
  const { environment, store, connection, tabs, pusher, watcher, pause, onStatusChange, readAgain } = options;
  const page = globalThis.document;
  const closing = new AbortController();
  const { signal } = closing;
  const timer = createTimer(environment);
  timer.set(TICK_MS, tick);

  function tick(): void {
    timer.set(TICK_MS, tick);
    onStatusChange();
    void store.heal();
    if (tabs.isLeader) readAgain();
    else tabs.ask();
  }

  /** The page is hidden or goes away. It may be unable to send anything later. */
  function hide(): void {
    pause.end();
    tabs.hidden();
  }

  /** The browser freezes the page, or keeps it for the back button. Other tabs must not wait for it. */
  function sleep(): void {
    tabs.leave();
    watcher.stop();
    store.release();
  }

  /** The page is visible or awake again, or the device has a connection again. */
  function resume(): void {
    tabs.back();
    readAgain();
    pusher.retry();
    watcher.retry();
  }

  /** The browser may be wrong about the connection, so the next answer decides. */
  function checkConnection(): void {
    if (globalThis.navigator?.onLine === false) connection.failed();
    onStatusChange();
    if (tabs.watches) watcher.ask();
  }

  // Outside a browser there are no such events.
  if (page) {
    page.addEventListener("visibilitychange", () => (page.hidden ? hide() : resume()), { signal });
    page.addEventListener("freeze", sleep, { signal });
    page.addEventListener("resume", resume, { signal });
    addEventListener(
      "pagehide",
      ({ persisted }) => {
        hide();
        if (persisted) sleep();
      },
      { signal },
    );
    addEventListener("pageshow", ({ persisted }) => persisted && resume(), { signal });
    addEventListener("offline", checkConnection, { signal });
    addEventListener(
      "online",
      () => {
        checkConnection();
        resume();
      },
      { signal },
    );
  }
  return () => {
    timer.clear();
    closing.abort();
  };
}
