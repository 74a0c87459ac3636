/** Work that waits only for what is not there yet. So it may finish before the call that runs it returns. */
export type Steps<T> = Generator<Promise<unknown>, T, unknown>;

/** Waits for a value that may be there already. */
export function* settled<T>(value: T | Promise<T>): Steps<T> {
  // `resume` gives what the promise gave.
  return value instanceof Promise ? ((yield value) as T) : value;
}

/** Runs the steps. Gives a promise only if one of them waits. */
export function run<T>(steps: Steps<T>): T | Promise<T> {
  const step = steps.next();
  return step.done ? step.value : resume(steps, step.value);
}

async function resume<T>(steps: Steps<T>, first: Promise<unknown>): Promise<T> {
  for (let waiting = first; ;) {
    const step = await waiting.then(
      (value) => steps.next(value),
      (error: unknown) => steps.throw(error),
    );
    if (step.done) return step.value;
    waiting = step.value;
  }
}
