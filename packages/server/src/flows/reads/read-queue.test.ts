import { expect, test } from "vitest";
import { ReplyRateLimit } from "./reply-rate-limit.ts";
import { TooManyReadsError, ReadQueue } from "./read-queue.ts";

const bounds = { ownerReads: 2, ownerReadsWaiting: 3, nodeReads: 3, nodeReadsWaiting: 5 };

/** Reads that run until they are let go, by owner. */
function startReads(queue: ReadQueue) {
  const running: { readonly owner: string; readonly end: () => void }[] = [];
  const read = (owner: string) =>
    queue.run(owner, () => new Promise<void>((resolve) => running.push({ owner, end: resolve })));
  return { running, read };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("S25: one owner's reads leave room for another's, and owners take turns", async () => {
  const { running, read } = startReads(new ReadQueue(bounds));
  const all = [read("ada"), read("ada"), read("ada"), read("ada"), read("eve"), read("eve"), read("joe")];
  await settle();
  expect(running.map(({ owner }) => owner)).toEqual(["ada", "ada", "eve"]);
  for (let index = 0; index < all.length; index += 1) {
    running[index]!.end();
    await settle();
  }
  await Promise.all(all);
  expect(running.map(({ owner }) => owner).toSorted()).toEqual(["ada", "ada", "ada", "ada", "eve", "eve", "joe"]);
  expect(running.findIndex(({ owner }) => owner === "joe")).toBeLessThan(6);
});

test("S25: what waits is bounded for an owner and for the node, and nothing is left of who was turned away", async () => {
  const queue = new ReadQueue(bounds);
  const { running, read } = startReads(queue);
  const all = Array.from({ length: 5 }, () => read("ada"));
  await expect(read("ada")).rejects.toEqual(new TooManyReadsError(true));
  all.push(read("eve"), read("eve"), read("eve"));
  await expect(read("joe")).rejects.toEqual(new TooManyReadsError(false));
  for (let index = 0; index < all.length; index += 1) {
    await settle();
    running[index]!.end();
  }
  await Promise.all(all);
  void read("joe");
  await settle();
  expect(running.at(-1)!.owner).toBe("joe");
});

test("a read that fails gives its place on", async () => {
  const queue = new ReadQueue({ ...bounds, ownerReads: 1 });
  const failing = queue.run("ada", () => Promise.reject(new Error("no")));
  const next = queue.run("ada", () => Promise.resolve(1));
  await expect(failing).rejects.toThrow("no");
  expect(await next).toBe(1);
});

test("S25: an owner is told so many bytes in a while; what is small is free, and another owner's is another's", () => {
  let nowMs = 0;
  const rateLimit = new ReplyRateLimit(1_000_000, () => nowMs);
  for (let index = 0; index < 1_000; index += 1) rateLimit.count("ada", 60_000, {});
  expect(rateLimit.waitMs("ada")).toBe(0);
  rateLimit.count("ada", 1_500_000, {});
  expect(rateLimit.waitMs("eve")).toBe(0);
  const waitMs = rateLimit.waitMs("ada");
  expect(waitMs).toBeGreaterThan(7_000);
  nowMs += waitMs - 100;
  expect(rateLimit.waitMs("ada")).toBeGreaterThan(0);
  nowMs += 100;
  expect(rateLimit.waitMs("ada")).toBe(0);
  // It does not pile up.
  nowMs += 3_600_000;
  rateLimit.count("ada", 1_000_001, {});
  expect(rateLimit.waitMs("ada")).toBeGreaterThan(0);
});

test("S25: small replies that are told together weigh what they weigh together", () => {
  const rateLimit = new ReplyRateLimit(1_000_000, () => 0);
  const batch = {};
  for (let index = 0; index < 16; index += 1) rateLimit.count("ada", 60_000, batch);
  expect(rateLimit.waitMs("ada")).toBe(0);
  rateLimit.count("ada", 60_000, batch);
  expect(rateLimit.waitMs("ada")).toBeGreaterThan(0);
});

test.each([undefined, null, "ada"])("S25: a host may have no context (%s): each reply counts", (context) => {
  const rateLimit = new ReplyRateLimit(1_000_000, () => 0);
  for (let taken = 0; taken < 99; taken += 1) rateLimit.count("ada", 10_000, context);
  expect(rateLimit.waitMs("ada")).toBe(0);
  rateLimit.count("ada", 10_000, context);
  expect(rateLimit.waitMs("ada")).toBeGreaterThan(0);
});

test("S25: the replies to one request have a size together, and the next request has its own", async () => {
  const rateLimit = new ReplyRateLimit(1_000_000_000, () => 0, 1_000);
  const context = {};
  const ends: (() => void)[] = [];
  const call = () => rateLimit.answer(context, () => new Promise<void>((resolve) => ends.push(resolve)));
  const calls = [call(), call()];
  expect(rateLimit.hasRoom(context, 5_000)).toBe(true);
  rateLimit.count("ada", 600, context);
  expect([rateLimit.hasRoom(context, 400), rateLimit.hasRoom(context, 401)]).toEqual([true, false]);
  ends[0]!();
  await calls[0];
  rateLimit.count("ada", 400, context);
  expect(rateLimit.waitMs("ada", context)).toBeGreaterThan(0);
  expect([rateLimit.waitMs("ada"), rateLimit.waitMs("ada", {}), rateLimit.waitMs("ada", undefined)]).toEqual([0, 0, 0]);
  ends[1]!();
  await calls[1];
  // A host may have the same context for all.
  expect(rateLimit.waitMs("ada", context)).toBe(0);
});
