import { setTimeout as sleep } from "node:timers/promises";

/** Tries again and again until it does not throw, for at most ten seconds. */
export async function eventually(attempt: () => Promise<void>, timeMs = 10_000): Promise<void> {
  const endMs = performance.now() + timeMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await sleep(25);
    }
  }
}
