import { expect, test } from "vitest";
import { simulatedTime } from "../testing/simulated-time.ts";
import { createStreamPauses } from "./stream-pauses.ts";

test("pauses grow while streams bring nothing, to five minutes, and begin anew after a stream that works", () => {
  const { environment } = simulatedTime();
  const pauses = createStreamPauses({ ...environment, random: () => 1 });
  const next = () => pauses.nextMs(false, environment.now());
  expect(Array.from({ length: 10 }, next)).toEqual([
    2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
  ]);
  for (let times = 0; times < 2_000; times += 1) next();
  expect(next()).toBe(300_000);
  pauses.reset();
  expect(next()).toBe(2_000);
});

test("after a stream with events the next one is opened soon, but from the second short one on no sooner than the client would ask", () => {
  const time = simulatedTime();
  const pauses = createStreamPauses({ ...time.environment, random: () => 0 });
  const openedAtMs = time.environment.now();
  time.pass(1_000);
  expect(pauses.nextMs(true, openedAtMs)).toBe(0);
  expect(pauses.nextMs(true, openedAtMs)).toBe(3_000);
  time.pass(3_000);
  expect(pauses.nextMs(true, openedAtMs)).toBe(0);
});
