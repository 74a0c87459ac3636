/** How often a node sweeps, in milliseconds; a random wait of up to half as long is added, so that nodes sweep at different times. */
const SWEEP_MS = 300_000;

export interface SweepOptions {
  /** Called after each batch with the number of rows that have been ended so far. */
  readonly onProgress?: (ended: number) => void;
  /** Stops between two batches. */
  readonly signal?: AbortSignal;
}

/**
 * Sweeps at intervals, one sweep at a time. The timer does not keep the process alive. Gives a function that stops it:
 * a running sweep ends at its next batch, and the function waits for it.
 */
export function repeatSweeps(
  sweeper: { sweep(options: SweepOptions): Promise<number> },
  report: (error: unknown) => void,
): () => Promise<void> {
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const schedule = () => {
    if (stop.signal.aborted) return;
    const run = () => {
      running = sweeper
        .sweep({ signal: stop.signal })
        .then(() => {}, report)
        .finally(schedule);
    };
    timer = setTimeout(run, SWEEP_MS * (1 + Math.random() / 2)).unref();
  };
  schedule();
  return async () => {
    stop.abort();
    clearTimeout(timer);
    await running;
  };
}
