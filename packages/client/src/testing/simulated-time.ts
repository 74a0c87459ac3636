import { browserEnvironment, type Environment } from "../environment.ts";

/** Time that passes only when it is told to; chance is always in the middle. */
export function simulatedTime(startMs = Date.UTC(2026, 0, 1)): {
  readonly environment: Environment;
  pass(ms: number): void;
} {
  let nowMs = startMs;
  const due = new Set<{ readonly atMs: number; readonly run: () => void }>();
  return {
    environment: {
      id: browserEnvironment.id,
      now: () => nowMs,
      elapsed: () => nowMs - startMs,
      random: () => 0.5,
      after(ms, run) {
        const entry = { atMs: nowMs + ms, run };
        due.add(entry);
        return () => due.delete(entry);
      },
    },
    pass(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        const [next] = [...due].filter(({ atMs }) => atMs <= untilMs).sort((left, right) => left.atMs - right.atMs);
        if (next === undefined) break;
        due.delete(next);
        nowMs = next.atMs;
        next.run();
      }
      nowMs = untilMs;
    },
  };
}
