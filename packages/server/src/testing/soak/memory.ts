/** The heap at a moment, after a collection. */
export interface Sample {
  readonly atMs: number;
  readonly heapBytes: number;
}

export function sample(atMs: number): Sample {
  // `gc` exists only with `--expose-gc`. Without it, garbage would be counted.
  if (typeof gc !== "function") throw new Error("Run it with --expose-gc.");
  gc();
  return { atMs, heapBytes: process.memoryUsage().heapUsed };
}

/** How much the heap grows, in bytes a minute: the slope of the least-squares line. */
export function slope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanAt = mean(samples.map(({ atMs }) => atMs));
  const meanHeap = mean(samples.map(({ heapBytes }) => heapBytes));
  const covariance = samples.reduce((sum, each) => sum + (each.atMs - meanAt) * (each.heapBytes - meanHeap), 0);
  const variance = samples.reduce((sum, each) => sum + (each.atMs - meanAt) ** 2, 0);
  return variance === 0 ? 0 : (covariance / variance) * 60_000;
}
