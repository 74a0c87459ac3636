import { expect, test, vi } from "vitest";
import { KeyedQueue, TurnTimedOutError } from "./keyed-queue.ts";

test("of one key a few go on at once, the others in their order, and another key waits for none of them", async () => {
  const queue = new KeyedQueue({ concurrency: 2, waitMs: 60_000 });
  const leaves = [await queue.enter("ada"), await queue.enter("ada")];
  const entered: number[] = [];
  const waiting = [3, 4].map(async (number) => {
    const leave = await queue.enter("ada");
    entered.push(number);
    return leave;
  });
  await queue.enter("bob");
  expect(entered).toEqual([]);
  leaves[0]!();
  // Once more is not one more.
  leaves[0]!();
  await waiting[0];
  expect(entered).toEqual([3]);
  (await waiting[0])!();
  await waiting[1];
  expect(entered).toEqual([3, 4]);
});

test("work that throws ends its turn", async () => {
  const queue = new KeyedQueue({ concurrency: 1, waitMs: 60_000 });
  await expect(queue.run("ada", () => Promise.reject(new Error("A bug")))).rejects.toThrow("A bug");
  expect(await queue.run("ada", () => Promise.resolve(1))).toBe(1);
});

test("whoever waits too long is told, and takes nobody's turn", async () => {
  vi.useFakeTimers();
  try {
    const queue = new KeyedQueue({ concurrency: 1, waitMs: 1_000 });
    const leave = await queue.enter("ada");
    const late = queue.enter("ada").catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await late).toBeInstanceOf(TurnTimedOutError);
    const next = queue.enter("ada");
    leave();
    (await next)();
    expect(await queue.run("ada", () => Promise.resolve(1))).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});
