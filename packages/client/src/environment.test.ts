import { expect, test } from "vitest";
import { backoffMs, within } from "./environment.ts";
import { simulatedTime } from "./testing/simulated-time.ts";

test("retries wait exponentially longer, with full jitter, and never above 30 seconds", () => {
  const at = (random: number, failures: number) =>
    backoffMs(failures, { ...simulatedTime().environment, random: () => random });
  expect([1, 2, 3, 4].map((failures) => at(1, failures))).toEqual([1_000, 2_000, 4_000, 8_000]);
  expect(at(1, 1_000)).toBe(30_000);
  expect(at(0, 5)).toBe(0);
});

test("what hangs is aborted and rejects", async () => {
  const { environment, pass } = simulatedTime();
  let aborted = false;
  const hanging = within(5_000, environment, (signal) => {
    signal.addEventListener("abort", () => (aborted = true));
    return new Promise<never>(() => {});
  });
  pass(5_000);
  await expect(hanging).rejects.toThrow("5000 ms");
  expect(aborted).toBe(true);
});

test("what answers in time is not aborted later", async () => {
  const { environment, pass } = simulatedTime();
  let given: AbortSignal | undefined;
  expect(await within(5_000, environment, (signal) => ((given = signal), Promise.resolve(1)))).toBe(1);
  pass(10_000);
  expect(given!.aborted).toBe(false);
});
