import type { Store } from "../store/store.ts";
import type { Connection } from "./connection.ts";
import type { Pusher } from "./push/pusher.ts";
import type { TabMessage, Tabs } from "./tabs/tabs.ts";
import type { Watcher } from "./watcher.ts";

export interface TabReceiverOptions {
  readonly store: Store;
  readonly tabs: Tabs;
  readonly connection: Connection;
  readonly pusher: Pusher;
  readonly watcher: Watcher;
  readonly isOpen: () => boolean;
  /** The owner was forgotten in another tab. */
  readonly abandon: () => void;
}

/** Does what the messages of other tabs ask for. `reading` resolves when the records are in memory for the first time. */
export function createTabReceiver(options: TabReceiverOptions, reading: Promise<void>): (message: TabMessage) => void {
  const { tabs, pusher, watcher } = options;
  return (message) => {
    if (!options.isOpen()) return;
    if (message.kind === "stored") reading = reading.then(() => options.store.refresh(message.ids));
    // First the records that the other tab stored before it called are read.
    if (message.kind === "wake" && tabs.isLeader) void reading.then(() => pusher.wake(message.drafts));
    // Somebody has just opened a page, and may have signed in.
    if (message.kind === "hello" && options.connection.state.signedOut && tabs.isLeader) watcher.ask();
    // This tab stores the event, and tells the tabs of its version.
    if (message.kind === "event" && tabs.isLeader && !tabs.watches) watcher.receive(message.event);
    if (message.kind === "forgotten") options.abandon();
  };
}
