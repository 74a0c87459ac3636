interface Run {
  readonly running: Promise<unknown>;
  /** The run that begins after `running` has ended. */
  next: Promise<unknown> | undefined;
}

/**
 * Runs work once for all callers that ask for it at the same time. A caller that asks during a run gets the result of the
 * next run, so the result holds everything that was committed before the caller asked.
 */
export class SharedReads {
  readonly #runs = new Map<string, Run>();

  /** All callers of one key pass the same `work`. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const run = this.#runs.get(key);
    if (run === undefined) return this.#begin(key, work);
    const begin = () => this.#begin(key, work);
    run.next ??= run.running.then(begin, begin);
    return run.next as Promise<T>;
  }

  #begin<T>(key: string, work: () => Promise<T>): Promise<T> {
    const running = work();
    const run: Run = { running, next: undefined };
    this.#runs.set(key, run);
    const end = () => {
      if (run.next === undefined) this.#runs.delete(key);
    };
    running.then(end, end);
    return running;
  }
}
