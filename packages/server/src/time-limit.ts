/** The result of a promise within a time, in milliseconds. If it takes longer, `onLate` gives the result, or throws. */
export async function withTimeLimit<T, Late>(
  timeMs: number,
  promise: Promise<T>,
  onLate: () => Late,
): Promise<T | Awaited<Late>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeMs))).then(onLate);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
