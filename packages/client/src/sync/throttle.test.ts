import { expect, test, vi } from "vitest";
import { simulatedTime } from "../testing/simulated-time.ts";
import { createThrottle } from "./throttle.ts";

test("the first call is made at once, and all calls of the next while are one call at its end", () => {
  const time = simulatedTime();
  const run = vi.fn<() => void>();
  const throttle = createThrottle(time.environment, 1_000, run);
  throttle.call();
  expect(run).toHaveBeenCalledTimes(1);
  for (let call = 0; call < 3; call += 1) throttle.call();
  time.pass(999);
  expect(run).toHaveBeenCalledTimes(1);
  time.pass(1);
  expect(run).toHaveBeenCalledTimes(2);
  time.pass(10_000);
  expect(run).toHaveBeenCalledTimes(2);
});

test("a call after a while without calls is made at once", () => {
  const time = simulatedTime();
  const run = vi.fn<() => void>();
  const throttle = createThrottle(time.environment, 1_000, run);
  throttle.call();
  time.pass(1_000);
  throttle.call();
  expect(run).toHaveBeenCalledTimes(2);
});

test("a call that waits is not made after the throttle is cancelled", () => {
  const time = simulatedTime();
  const run = vi.fn<() => void>();
  const throttle = createThrottle(time.environment, 1_000, run);
  throttle.call();
  throttle.call();
  throttle.cancel();
  time.pass(10_000);
  expect(run).toHaveBeenCalledTimes(1);
});
