/** Writes of one session happen in the order in which they were asked for. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does the work after the work before it for the same key. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const result = before === undefined ? work() : before.then(work);
    const settled = result.then(
      () => {},
      () => {},
    );
    this.#last.set(key, settled);
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return result;
  }

  /** Resolves after the work that was asked for so far: of one key, or of all. */
  async settled(key?: string): Promise<void> {
    if (key === undefined) await Promise.all(this.#last.values());
    else await this.#last.get(key);
  }
}
