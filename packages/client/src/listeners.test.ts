import { expect, test, vi } from "vitest";
import { createListeners } from "./listeners.ts";

test("a listener that throws keeps nobody else from hearing, and its error is not swallowed", () => {
  const reported: (() => void)[] = [];
  vi.stubGlobal("queueMicrotask", (run: () => void) => reported.push(run));
  const listeners = createListeners();
  const heard = vi.fn();
  listeners.subscribe(() => {
    throw new Error("Broken.");
  });
  listeners.subscribe(heard);
  listeners.notify();
  vi.unstubAllGlobals();
  expect(heard).toHaveBeenCalledOnce();
  expect(reported[0]).toThrow("Broken.");
});
