import { expect, test } from "vitest";
import { CpuScheduler } from "./cpu-scheduler.ts";

/** A scheduler whose pieces take so long, and what happens in which turn of the event loop. */
function staged(pieceMs: number) {
  let nowMs = 0;
  let turn = 0;
  const done: string[] = [];
  const scheduler = new CpuScheduler(() => nowMs);
  const run = (owner: string, name: string) =>
    scheduler.run(owner, () => {
      nowMs += pieceMs;
      done.push(`${turn} ${name}`);
      return name;
    });
  const tick = () => {
    turn += 1;
    if (turn < 100) setImmediate(tick);
  };
  setImmediate(tick);
  return { run, done, scheduler };
}

test("S25: so much is done in one turn of the event loop, and the rest in the next ones, in its order", async () => {
  const { run, done } = staged(6);
  const all = await Promise.all(["a", "b", "c", "d", "e"].map((name) => run("ada", name)));
  expect(all).toEqual(["a", "b", "c", "d", "e"]);
  expect(done).toEqual(["0 a", "0 b", "1 c", "1 d", "2 e"]);
});

test("S25: an owner's heavy work does not stand before another's", async () => {
  const { run, done } = staged(20);
  const heavy = Array.from({ length: 10 }, (_, nth) => run("ada", `ada ${nth}`));
  const light = run("eve", "eve");
  await Promise.all([...heavy, light]);
  expect(done.findIndex((each) => each.endsWith("eve"))).toBeLessThanOrEqual(2);
});

test("what work throws is its caller's alone", async () => {
  const { run, scheduler } = staged(20);
  const failing = () => {
    throw new RangeError("no");
  };
  const [first, second, third] = await Promise.allSettled([
    run("ada", "a"),
    scheduler.run("ada", failing),
    run("ada", "c"),
  ]);
  expect([first.status, second.status, third.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
});
