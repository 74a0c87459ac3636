import { AsyncLocalStorage } from "node:async_hooks";

/** Whose code is running: a tab or a server node, which may freeze or die with everything that it had begun. */
export interface Host {
  /** Runs something of this host's: now, when it thaws, or never. */
  run(work: () => void): void;
}

export const hosts = new AsyncLocalStorage<Host>();
