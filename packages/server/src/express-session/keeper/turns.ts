import { run, settled, type Steps } from "./resumable-work.ts";

/** The work on one session happens in the order in which it was asked for. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does the work after the work before it for the same key. */
  *run<T>(key: string, work: () => Steps<T>): Steps<T> {
    const before = this.#last.get(key);
    const result = before === undefined ? run(work()) : before.then(() => run(work()));
    if (!(result instanceof Promise)) return result;
    const ended = result.then(
      () => {},
      () => {},
    );
    this.#last.set(key, ended);
    void ended.then(() => {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    });
    return yield* settled(result);
  }

  /** Resolves after the work that was asked for so far: of one key, or of all. Undefined if there is none. */
  settled(key?: string): Promise<unknown> | undefined {
    return key === undefined ? Promise.all(this.#last.values()) : this.#last.get(key);
  }
}
