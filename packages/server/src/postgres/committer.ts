/** A write that waits for its turn. At most one of a key is in a batch. */
export interface Write {
  readonly key: string;
}

export interface CommitterOptions<W extends Write> {
  /** Commits a batch, sorted by key; says for each write whether it was made. Throws when none was. */
  readonly commit: (batch: readonly W[]) => Promise<readonly boolean[]>;
  /** Whether committing the same batch again may succeed. */
  readonly isTransient: (error: unknown) => boolean;
  /** Whether one write may be to blame for a batch's error, so that the others are worth trying without it. */
  readonly isOneWrites: (error: unknown) => boolean;
  /** The most writes in one batch. */
  readonly batchSize: number;
  /** The most writes that wait; one more is turned away. */
  readonly queueSize: number;
}

/** Thrown when the queue is full: nothing was written, and it may be tried again. */
export class QueueFull extends Error {
  override readonly name = "QueueFull";
}

interface Waiting<W> {
  readonly write: W;
  readonly settle: PromiseWithResolvers<boolean>;
}

/** How many writes must wait for a second batch to be committed beside the first: it overlaps Node's work with Postgres'. */
const SECOND_BATCH_SIZE = 24;

/** How often a batch is committed again after a deadlock, before its writes are tried one by one. */
const MAX_BATCH_ATTEMPTS = 3;

/**
 * Group commit: what comes while a batch is being committed forms the next one. There are no timers, so that a
 * lone write never waits, and a caller is answered only after the commit.
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

  /** Whether the write was made: false when another writer came first. @throws {QueueFull} */
  commit(write: W): Promise<boolean> {
    if (this.#queue.length >= this.#options.queueSize) return Promise.reject(new QueueFull());
    const settle = Promise.withResolvers<boolean>();
    this.#queue.push({ write, settle });
    if (this.#isWorthARun()) void this.#run();
    return settle.promise;
  }

  /** Resolves when everything that waits has been settled. */
  async drain(): Promise<void> {
    while (this.#running > 0) await this.#idle.promise;
  }

  /** The first batch takes what there is. Beside it a second one is worth its statement once it is large. */
  #isWorthARun(): boolean {
    return this.#running === 0 || (this.#running === 1 && this.#queue.length >= SECOND_BATCH_SIZE);
  }

  async #run(): Promise<void> {
    this.#running += 1;
    // Callers of the same turn of the event loop share the first batch.
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
    let looked = 0;
    for (const waiting of this.#queue) {
      if (batch.length === this.#options.batchSize) break;
      looked += 1;
      const { key } = waiting.write;
      if (this.#inFlight.has(key)) later.push(waiting);
      else batch.push(waiting);
      this.#inFlight.add(key);
    }
    this.#queue = [...later, ...this.#queue.slice(looked)];
    // Rows are locked in the order of their keys: two nodes' batches then wait for, and do not deadlock, each other.
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
        // In an outage every write would fail alone as it does together: receipts make it safe to say so at once.
        if (batch.length > 1 && (transient || this.#options.isOneWrites(error))) break;
        for (const { settle } of batch) settle.reject(error);
        return;
      }
    }
    // One bad write must not take its neighbours with it.
    for (const waiting of batch) await this.#commit([waiting]);
  }
}
