import { expect, test, vi } from "vitest";
import { createDebounce } from "./debounce.ts";
import { simulatedTime } from "../testing/simulated-time.ts";

test("a pause ends 400 ms after the last keystroke", () => {
  const time = simulatedTime();
  const onEnd = vi.fn<() => void>();
  const pause = createDebounce(time.environment, onEnd);
  for (let key = 0; key < 3; key += 1) {
    pause.begin();
    time.pass(300);
  }
  expect(onEnd).not.toHaveBeenCalled();
  time.pass(100);
  expect(onEnd).toHaveBeenCalledTimes(1);
  time.pass(10_000);
  expect(onEnd).toHaveBeenCalledTimes(1);
});

test("a person who never stops typing is sent every two seconds", () => {
  const time = simulatedTime();
  const onEnd = vi.fn<() => void>();
  const pause = createDebounce(time.environment, onEnd);
  for (let key = 0; key < 40; key += 1) {
    pause.begin();
    time.pass(100);
  }
  expect(onEnd).toHaveBeenCalledTimes(2);
});

test("a pause is ended once when the page goes away", () => {
  const time = simulatedTime();
  const onEnd = vi.fn<() => void>();
  const pause = createDebounce(time.environment, onEnd);
  pause.end();
  expect(onEnd).not.toHaveBeenCalled();
  pause.begin();
  pause.end();
  time.pass(10_000);
  expect(onEnd).toHaveBeenCalledTimes(1);
});
