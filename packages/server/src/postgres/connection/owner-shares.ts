import { AsyncLocalStorage } from "node:async_hooks";
import { KeyedQueue } from "./keyed-queue.ts";

export interface OwnerSharesOptions {
  /** How many connections of the pool one owner's requests may hold at once. */
  readonly connections: number;
  /** How long one of an owner's statements waits for the owner's others, in milliseconds. */
  readonly waitMs: number;
}

/**
 * What each owner may hold of the pool. Whose request a connection is for is known wherever it is asked for, so
 * that no statement can be sent past its owner's share.
 */
export class OwnerShares {
  readonly #requests = new AsyncLocalStorage<{ owner: string | undefined }>();
  readonly #queue: KeyedQueue;

  constructor({ connections, waitMs }: OwnerSharesOptions) {
    this.#queue = new KeyedQueue({ atOnce: connections, waitMs });
  }

  /** Does something for one request, or for many owners at once: its connections are nobody's until it is named. */
  within<T>(work: () => T, owner?: string): T {
    return this.#requests.run({ owner }, work);
  }

  /** Says whose the request is that this is done for: the connections that it asks for from now on are theirs. */
  name(owner: string): void {
    const request = this.#requests.getStore();
    if (request) request.owner = owner;
  }

  /** Waits until a connection of the owner's share is free, and gives how to give it back. */
  async enter(): Promise<() => void> {
    const owner = this.#requests.getStore()?.owner;
    return owner === undefined ? () => {} : this.#queue.enter(owner);
  }
}

/** How many connections one owner may hold of a pool of this size: a quarter, and at least one. */
export function shareOf(poolSize: number): number {
  return Math.max(1, Math.floor(poolSize / 4));
}
