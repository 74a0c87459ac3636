import { expect, test } from "vitest";
import { Allowance } from "./allowance.ts";
import { TooManyReads, Turns } from "./turns.ts";

const bounds = { ownerReads: 2, ownerReadsWaiting: 3, nodeReads: 3, nodeReadsWaiting: 5 };

/** Reads that run until they are let go, by owner. */
function reading(turns: Turns) {
  const running: { readonly owner: string; readonly end: () => void }[] = [];
  const read = (owner: string) =>
    turns.run(owner, () => new Promise<void>((resolve) => running.push({ owner, end: resolve })));
  return { running, read };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("S25: one owner's reads leave room for another's, and owners take turns", async () => {
  const { running, read } = reading(new Turns(bounds));
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
  const turns = new Turns(bounds);
  const { running, read } = reading(turns);
  const all = Array.from({ length: 5 }, () => read("ada"));
  await expect(read("ada")).rejects.toEqual(new TooManyReads(true));
  all.push(read("eve"), read("eve"), read("eve"));
  await expect(read("joe")).rejects.toEqual(new TooManyReads(false));
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
  const turns = new Turns({ ...bounds, ownerReads: 1 });
  const failing = turns.run("ada", () => Promise.reject(new Error("no")));
  const next = turns.run("ada", () => Promise.resolve(1));
  await expect(failing).rejects.toThrow("no");
  expect(await next).toBe(1);
});

test("S25: an owner is told so many bytes in a while; what is small is free, and another owner's is another's", () => {
  let nowMs = 0;
  const allowance = new Allowance(1_000_000, () => nowMs);
  for (let index = 0; index < 1_000; index += 1) allowance.take("ada", 60_000, {});
  expect(allowance.waitMs("ada")).toBe(0);
  allowance.take("ada", 1_500_000, {});
  expect(allowance.waitMs("eve")).toBe(0);
  const waitMs = allowance.waitMs("ada");
  expect(waitMs).toBeGreaterThan(7_000);
  nowMs += waitMs - 100;
  expect(allowance.waitMs("ada")).toBeGreaterThan(0);
  nowMs += 100;
  expect(allowance.waitMs("ada")).toBe(0);
  // It does not pile up.
  nowMs += 3_600_000;
  allowance.take("ada", 1_000_001, {});
  expect(allowance.waitMs("ada")).toBeGreaterThan(0);
});

test("S25: small replies that are told together weigh what they weigh together", () => {
  const allowance = new Allowance(1_000_000, () => 0);
  const batch = {};
  for (let index = 0; index < 16; index += 1) allowance.take("ada", 60_000, batch);
  expect(allowance.waitMs("ada")).toBe(0);
  allowance.take("ada", 60_000, batch);
  expect(allowance.waitMs("ada")).toBeGreaterThan(0);
});

test.each([undefined, null, "ada"])("S25: a host may have no context (%s): each reply counts", (context) => {
  const allowance = new Allowance(1_000_000, () => 0);
  for (let taken = 0; taken < 99; taken += 1) allowance.take("ada", 10_000, context);
  expect(allowance.waitMs("ada")).toBe(0);
  allowance.take("ada", 10_000, context);
  expect(allowance.waitMs("ada")).toBeGreaterThan(0);
});

test("S25: the replies to one request have a size together, and the next request has its own", async () => {
  const allowance = new Allowance(1_000_000_000, () => 0, 1_000);
  const context = {};
  const ends: (() => void)[] = [];
  const call = () => allowance.together(context, () => new Promise<void>((resolve) => ends.push(resolve)));
  const calls = [call(), call()];
  expect(allowance.hasRoom(context, 5_000)).toBe(true);
  allowance.take("ada", 600, context);
  expect([allowance.hasRoom(context, 400), allowance.hasRoom(context, 401)]).toEqual([true, false]);
  ends[0]!();
  await calls[0];
  allowance.take("ada", 400, context);
  expect(allowance.waitMs("ada", context)).toBeGreaterThan(0);
  expect([allowance.waitMs("ada"), allowance.waitMs("ada", {}), allowance.waitMs("ada", undefined)]).toEqual([0, 0, 0]);
  ends[1]!();
  await calls[1];
  // A host may have the same context for all.
  expect(allowance.waitMs("ada", context)).toBe(0);
});
