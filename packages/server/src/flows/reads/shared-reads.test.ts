import { expect, test } from "vitest";
import { SharedReads } from "./shared-reads.ts";

/** Work whose runs end when they are told to. */
function work() {
  const runs: PromiseWithResolvers<number>[] = [];
  const begin = () => {
    const run = Promise.withResolvers<number>();
    runs.push(run);
    return run.promise;
  };
  return { runs, begin };
}

test("what is asked for while it runs is answered by the next run, once for all", async () => {
  const { runs, begin } = work();
  const shared = new SharedReads();
  const first = shared.run("ada", begin);
  const others = Array.from({ length: 99 }, () => shared.run("ada", begin));
  const eve = shared.run("eve", begin);
  expect(runs).toHaveLength(2);
  runs[1]!.resolve(0);
  expect(await eve).toBe(0);
  runs[0]!.resolve(1);
  expect(await first).toBe(1);
  await Promise.resolve();
  expect(runs).toHaveLength(3);
  const third = shared.run("ada", begin);
  runs[2]!.resolve(2);
  expect(new Set(await Promise.all(others))).toEqual(new Set([2]));
  runs[3]!.resolve(3);
  expect(await third).toBe(3);
});

test("a run that fails is the failure of those that share it, and of no other", async () => {
  const { runs, begin } = work();
  const shared = new SharedReads();
  const first = shared.run("ada", begin);
  const second = shared.run("ada", begin);
  runs[0]!.reject(new Error("Lost."));
  await expect(first).rejects.toThrow("Lost.");
  await Promise.resolve();
  runs[1]!.resolve(2);
  expect(await second).toBe(2);
  const third = shared.run("ada", begin);
  expect(runs).toHaveLength(3);
  runs[2]!.resolve(3);
  expect(await third).toBe(3);
});
