interface Run {
  readonly running: Promise<unknown>;
  /** What begins once `running` has ended. */
  next: Promise<unknown> | undefined;
}

/**
 * Work that many ask for at once, done once for all of them. Whoever asks while it runs is given the next run: what
 * was committed before one asked is in the answer.
 */
export class SharedRuns {
  readonly #runs = new Map<string, Run>();

  /** `work` is the same, whoever gives it for this key. */
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
