/**
 * Works through items, up to `concurrency` of them at once. Waits for all, and then throws the first error.
 */
export async function forEachConcurrently<T>(
  items: Iterable<T>,
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const worker = async (first: T) => {
    // All workers take from the same iterator.
    for (let next: IteratorResult<T> = { value: first }; !next.done; next = left.next()) {
      await work(next.value).catch((error: unknown) => errors.push(error));
    }
  };
  const workers: Promise<void>[] = [];
  while (workers.length < concurrency) {
    const next = left.next();
    if (next.done) break;
    workers.push(worker(next.value));
  }
  await Promise.all(workers);
  if (errors.length > 0) throw errors[0];
}
