import { AsyncLocalStorage } from "node:async_hooks";

/** A tab or a server node. It may freeze or crash, with all work that it has started. */
export interface SimulatedProcess {
  /** Runs code of this process: now, when it wakes, or never. */
  run(work: () => void): void;
}

/** The process whose code is running. */
export const currentProcess = new AsyncLocalStorage<SimulatedProcess>();
