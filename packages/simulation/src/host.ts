import { AsyncLocalStorage } from "node:async_hooks";

/** A tab or a server node. It may freeze or crash, with all work that it has started. */
export interface Host {
  /** Runs code of this host: now, when it wakes, or never. */
  run(work: () => void): void;
}

/** The host whose code is running. */
export const currentHost = new AsyncLocalStorage<Host>();
