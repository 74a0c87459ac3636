import { expect, test } from "vitest";
import type { Outcome, PushReply } from "@sessions/core/internal";
import { TooManyReadsError } from "../reads/read-queue.ts";
import { ServiceCalls } from "./service-calls.ts";

function callsWith({ closesAfter = Infinity } = {}) {
  const waits: number[] = [];
  const calls = new ServiceCalls({
    ownerConnections: { run: (work) => work() },
    inFlight: new Set(),
    isClosed: () => waits.length > closesAfter,
    isAdopted: () => Promise.resolve(false),
    wait: (ms) => Promise.resolve(waits.push(ms)),
  });
  return { calls, waits };
}

const replyOf = (outcome: Outcome): PushReply => ({ now: "", outcomes: [outcome], snapshots: [] });
const busy = (retryAfterMs: number) => replyOf({ status: "refused", refusal: { code: "busy", retryAfterMs } });
const done = replyOf({ status: "accepted", revision: 1, replayed: false });

test("a busy server is asked again as it says, until it answers", async () => {
  const { calls, waits } = callsWith();
  const replies = [busy(1_000), busy(3_000), done];
  expect(await calls.push("ada", () => Promise.resolve(replies.shift()!))).toBe(done);
  expect(waits).toEqual([1_000, 3_000]);
});

test("a server that stays busy is asked for ten seconds, and then the service is told", async () => {
  const { calls, waits } = callsWith();
  expect(await calls.push("ada", () => Promise.resolve(busy(4_000)))).toEqual(busy(4_000));
  expect(waits).toEqual([4_000, 4_000, 2_000]);
});

test("a read waits its turn for ten seconds, and is then a fault that says so", async () => {
  const { calls, waits } = callsWith();
  const reading = calls.read("ada", () => Promise.reject(new TooManyReadsError(true)));
  await expect(reading).rejects.toMatchObject({ name: "SessionsError", code: "overloaded" });
  expect(waits).toHaveLength(10);
  const tries = [new TooManyReadsError(true), new TooManyReadsError(false)];
  const found = calls.read("ada", () => (tries.length > 0 ? Promise.reject(tries.pop()!) : Promise.resolve("found")));
  expect(await found).toBe("found");
});

test("a node that closes while a service waits says that it is closed", async () => {
  const { calls, waits } = callsWith({ closesAfter: 1 });
  await expect(calls.push("ada", () => Promise.resolve(busy(1_000)))).rejects.toMatchObject({ code: "closed" });
  expect(waits).toHaveLength(2);
});
