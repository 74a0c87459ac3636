import type { FoundWebSession, WebSessionKey } from "../rows/read-statement.ts";

/** The most sessions in one statement. */
const BATCH_SIZE = 200;
/** How many statements may run at once. Node then works while Postgres works. */
const CONCURRENCY = 2;

interface Waiting {
  readonly key: WebSessionKey;
  readonly settle: PromiseWithResolvers<FoundWebSession | undefined>;
}

/** Reads sessions. Those that are asked for while a statement runs share the next one. */
export class BatchedReads {
  readonly #read: (keys: readonly WebSessionKey[]) => Promise<readonly FoundWebSession[]>;
  #waiting = new Map<string, Waiting>();
  #running = 0;

  constructor(read: (keys: readonly WebSessionKey[]) => Promise<readonly FoundWebSession[]>) {
    this.#read = read;
  }

  /** A read sees all that was committed before it was asked for: it never joins a statement that has begun. */
  read(key: WebSessionKey): Promise<FoundWebSession | undefined> {
    let waiting = this.#waiting.get(key.key);
    if (waiting === undefined) {
      waiting = { key, settle: Promise.withResolvers() };
      this.#waiting.set(key.key, waiting);
      if (this.#running < CONCURRENCY) void this.#run();
    }
    return waiting.settle.promise;
  }

  async #run(): Promise<void> {
    this.#running += 1;
    // Reads of the same turn of the event loop share the first statement.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting.values()].slice(0, BATCH_SIZE);
      for (const { key } of batch) this.#waiting.delete(key.key);
      try {
        const found = new Map((await this.#read(batch.map(({ key }) => key))).map((one) => [one.key, one]));
        for (const { key, settle } of batch) settle.resolve(found.get(key.key));
      } catch (error) {
        for (const { settle } of batch) settle.reject(error);
      }
    }
    this.#running -= 1;
  }
}
