import { AsyncLocalStorage } from "node:async_hooks";
import { KeyedQueue } from "./keyed-queue.ts";

export interface OwnerConnectionsOptions {
  /** How many connections of the pool one owner's requests may hold at once. */
  readonly connections: number;
  /** How long a statement waits while the owner holds all of these connections, in milliseconds. */
  readonly waitMs: number;
}

/**
 * Limits how many connections of the pool each owner holds. An async context carries the owner of a request, so that
 * every statement counts for its owner.
 */
export class OwnerConnections {
  readonly #requests = new AsyncLocalStorage<{ owner: string | undefined }>();
  readonly #queue: KeyedQueue;

  constructor({ connections, waitMs }: OwnerConnectionsOptions) {
    this.#queue = new KeyedQueue({ concurrency: connections, waitMs });
  }

  /** Runs work for one request, or for many owners. Its connections count for nobody until an owner is set. */
  run<T>(work: () => T, owner?: string): T {
    return this.#requests.run({ owner }, work);
  }

  /** Sets the owner of the request that runs now. The connections that it takes from now on count for this owner. */
  setOwner(owner: string): void {
    const request = this.#requests.getStore();
    if (request) request.owner = owner;
  }

  /** Waits until the owner may take another connection. Gives a function that releases it. */
  async acquire(): Promise<() => void> {
    const owner = this.#requests.getStore()?.owner;
    return owner === undefined ? () => {} : this.#queue.enter(owner);
  }
}

/** How many connections of a pool one owner may hold: a quarter of them, and at least one. */
export function defaultOwnerConnections(poolSize: number): number {
  return Math.max(1, Math.floor(poolSize / 4));
}
