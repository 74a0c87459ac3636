/** A write that waits for its batch. A batch holds at most one write of a key. */
export interface Write {
  readonly key: string;
}

export interface CommitterOptions<W extends Write> {
  /** Commits a batch that is sorted by key, and gives for each write whether it was made. It throws if none was made. */
  readonly commit: (batch: readonly W[]) => Promise<readonly boolean[]>;
  /** Whether committing the same batch again may succeed. */
  readonly isTransient: (error: unknown) => boolean;
  /** Whether one write of a batch may have caused the error. Then the writes are tried one by one. */
  readonly isFaultOfOneWrite: (error: unknown) => boolean;
  /** The most writes in one batch. */
  readonly batchSize: number;
  /** The size of a write, and the size at which a batch is full. Default: only their number counts. */
  readonly bytesOf?: (write: W) => number;
  readonly batchBytes?: number;
  /** The most writes that wait. One more is refused with {@link QueueFullError}. */
  readonly queueSize: number;
}

/** Thrown when the queue is full: nothing was written, and it may be tried again. */
export class QueueFullError extends Error {
  override readonly name = "QueueFullError";
}

interface Waiting<W> {
  readonly write: W;
  readonly settle: PromiseWithResolvers<boolean>;
}

/** How many writes must wait before a second batch is committed at the same time: Node then works while Postgres works. */
const SECOND_BATCH_SIZE = 24;

/** How often a batch is committed again after a deadlock, before its writes are tried one by one. */
const MAX_BATCH_ATTEMPTS = 3;

/**
 * Group commit: the writes that come while a batch is committed form the next batch. There are no timers, so a single
 * write never waits. A caller is answered only after the commit.
 */
export class Committer<W extends Write> {
  readonly #options: CommitterOptions<W>;
  #queue: Waiting<W>[] = [];
  readonly #inFlight = new Set<string>();
  #running = 0;
  #idle = Promise.withResolvers<void>();

  constructor(options: CommitterOptions<W>) {
    this.#options = options;
  }

  /** How many writes wait. */
  get depth(): number {
    return this.#queue.length;
  }

  /** Whether the write was made: false when another writer came first. @throws {QueueFullError} */
  commit(write: W): Promise<boolean> {
    if (this.#queue.length >= this.#options.queueSize) return Promise.reject(new QueueFullError());
    const settle = Promise.withResolvers<boolean>();
    this.#queue.push({ write, settle });
    if (this.#isWorthARun()) void this.#run();
    return settle.promise;
  }

  /** Resolves when no write waits any more. */
  async drain(): Promise<void> {
    while (this.#running > 0) await this.#idle.promise;
  }

  /** A first batch starts with any number of writes. A second one starts beside it only if many writes wait. */
  #isWorthARun(): boolean {
    return this.#running === 0 || (this.#running === 1 && this.#queue.length >= SECOND_BATCH_SIZE);
  }

  async #run(): Promise<void> {
    this.#running += 1;
    // Writes of the same turn of the event loop share the first batch.
    await Promise.resolve();
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      await this.#commit(batch);
      for (const { write } of batch) this.#inFlight.delete(write.key);
      if (this.#running > 1 && this.#queue.length < SECOND_BATCH_SIZE) break;
    }
    this.#running -= 1;
    if (this.#running > 0) return;
    this.#idle.resolve();
    this.#idle = Promise.withResolvers();
  }

  #nextBatch(): readonly Waiting<W>[] {
    const batch: Waiting<W>[] = [];
    const later: Waiting<W>[] = [];
    const { batchSize, bytesOf = () => 0, batchBytes = Infinity } = this.#options;
    let looked = 0;
    let bytes = 0;
    for (const waiting of this.#queue) {
      if (batch.length === batchSize || bytes >= batchBytes) break;
      looked += 1;
      const { key } = waiting.write;
      if (this.#inFlight.has(key)) later.push(waiting);
      else {
        batch.push(waiting);
        bytes += bytesOf(waiting.write);
      }
      this.#inFlight.add(key);
    }
    this.#queue = [...later, ...this.#queue.slice(looked)];
    // Rows are locked in the order of their keys, so that the batches of two nodes wait for each other and do not deadlock.
    return batch.toSorted((a, b) => (a.write.key < b.write.key ? -1 : 1));
  }

  async #commit(batch: readonly Waiting<W>[]): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const made = await this.#options.commit(batch.map(({ write }) => write));
        for (const [index, { settle }] of batch.entries()) settle.resolve(made[index] ?? false);
        return;
      } catch (error) {
        const transient = this.#options.isTransient(error);
        if (transient && attempt < MAX_BATCH_ATTEMPTS) continue;
        // In an outage each write would also fail alone. All fail at once: a command that is sent again finds its receipt.
        if (batch.length > 1 && (transient || this.#options.isFaultOfOneWrite(error))) break;
        for (const { settle } of batch) settle.reject(error);
        return;
      }
    }
    // One bad write must not make the others fail.
    for (const waiting of batch) await this.#commit([waiting]);
  }
}
