import { expect, test } from "vitest";
import { slope } from "./memory.ts";

test("the slope is what is gained a minute, whatever the noise", () => {
  const minutes = Array.from({ length: 11 }, (_, index) => index);
  const noisy = (perMinute: number) =>
    minutes.map((at) => ({ atMs: at * 60_000, heapBytes: 1e6 + perMinute * at + (at % 2 === 0 ? 100 : -100) }));
  expect(Math.abs(slope(noisy(0)))).toBeLessThan(20);
  expect(slope(noisy(5_000))).toBeGreaterThan(4_900);
  expect(slope([{ atMs: 0, heapBytes: 1 }])).toBe(0);
});
