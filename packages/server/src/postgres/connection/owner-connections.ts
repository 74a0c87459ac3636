import { AsyncLocalStorage } from "node:async_hooks";
import { KeyedQueue } from "./keyed-queue.ts";

export interface OwnerConnectionsOptions {
  /** How many connections of the pool one owner's requests may hold at once. */
  readonly connections: number;
  /** How long a statement waits while the owner holds all of these connections, in milliseconds. */
  readonly waitMs: number;
  /** On a distributed Postgres: a worker that hangs must not hold all connections. */
  readonly workers?: WorkerShare | undefined;
}

export interface WorkerShare {
  /** How many connections of the pool the requests of all owners of one worker may hold at once. */
  readonly connections: number;
  /** The worker of an owner; undefined if it is not known. Then only the owner's own share counts. */
  workerOf(owner: string): Promise<string | undefined>;
}

/**
 * Limits how many connections of the pool each owner holds. An async context carries the owner of a request, so that
 * every statement counts for its owner.
 */
export class OwnerConnections {
  readonly #requests = new AsyncLocalStorage<{ owner: string | undefined }>();
  readonly #queue: KeyedQueue;
  readonly #workers: WorkerShare | undefined;
  readonly #workerQueue: KeyedQueue | undefined;

  constructor({ connections, waitMs, workers }: OwnerConnectionsOptions) {
    this.#queue = new KeyedQueue({ concurrency: connections, waitMs });
    this.#workers = workers;
    this.#workerQueue = workers && new KeyedQueue({ concurrency: workers.connections, waitMs });
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
    if (owner === undefined) return () => {};
    if (this.#workers === undefined) return this.#queue.enter(owner);
    const release = await this.#queue.enter(owner);
    try {
      const releaseWorker = await this.#acquireOfWorker(owner);
      return () => {
        releaseWorker?.();
        release();
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #acquireOfWorker(owner: string): Promise<(() => void) | undefined> {
    // It may ask the database itself, and that counts for nobody.
    const worker = await this.run(async () => this.#workers?.workerOf(owner));
    return worker === undefined ? undefined : this.#workerQueue?.enter(worker);
  }
}

/** How many connections of a pool the owners of one worker may hold: half of them, and at least one. */
export function workerConnections(poolSize: number): number {
  return Math.max(1, Math.floor(poolSize / 2));
}

/** How many connections of a pool one owner may hold: a quarter of them, and at least one. */
export function defaultOwnerConnections(poolSize: number): number {
  return Math.max(1, Math.floor(poolSize / 4));
}
