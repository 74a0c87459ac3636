import { beforeEach, expect, test, vi } from "vitest";
import { away, MemoryKeeper } from "../../testing/visits/memory-keeper.ts";
import { EndListeners } from "./end-listeners.ts";

const HOUR_MS = 3_600_000;

beforeEach(() => void vi.useFakeTimers());

async function openStream() {
  const now = () => Date.now();
  const keeper = new MemoryKeeper({ now, absoluteMs: HOUR_MS });
  const ends = new EndListeners(keeper, now);
  const begun = await keeper.begin({
    owner: "ada",
    factors: ["password"],
    device: "Phone",
    place: null,
    current: null,
  });
  if (begun.kind !== "begun") throw new Error("No sign-in.");
  const { signIn } = begun;
  const ended = vi.fn<() => void>();
  return { keeper, ends, signIn, ended, checkedMs: now() };
}

test("S17: a stream ends once with its sign-in, and another one's stays open", async () => {
  const { keeper, ends, signIn, ended, checkedMs } = await openStream();
  const other = await openStream();
  ends.onEnd(signIn, checkedMs, ended);
  ends.onEnd(other.signIn, checkedMs, other.ended);
  await keeper.end("ada", signIn.publicId, "revoked");
  await keeper.end("ada", signIn.publicId, "revoked");
  expect([ended.mock.calls.length, other.ended.mock.calls.length]).toEqual([1, 0]);
});

test("S17: a sign-in that ended while its request was under way ends the stream that it opens", async () => {
  const { keeper, ends, signIn, ended, checkedMs } = await openStream();
  await keeper.end("ada", signIn.publicId, "revoked");
  ends.onEnd(signIn, checkedMs, ended);
  await vi.advanceTimersByTimeAsync(0);
  expect(ended).toHaveBeenCalledOnce();
});

test("S17: a stream ends at the sign-in's deadline, though nobody ends it", async () => {
  const { ends, signIn, ended, checkedMs } = await openStream();
  ends.onEnd(signIn, checkedMs, ended);
  await vi.advanceTimersByTimeAsync(HOUR_MS - 1);
  expect(ended).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(ended).toHaveBeenCalledOnce();
});

test("S16: a stream stays open as long as another node sees its sign-in in use", async () => {
  const { keeper, ends, signIn, ended, checkedMs } = await openStream();
  ends.onEnd(signIn, checkedMs, ended);
  keeper.extend(signIn.publicId, signIn.endsMs + HOUR_MS);
  await vi.advanceTimersByTimeAsync(HOUR_MS + 1);
  expect(ended).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(HOUR_MS);
  expect(ended).toHaveBeenCalledOnce();
});

test("a deadline that the database cannot tell is looked at again", async () => {
  const { keeper, ends, signIn, ended, checkedMs } = await openStream();
  ends.onEnd(signIn, checkedMs, ended);
  keeper.gate = away;
  await vi.advanceTimersByTimeAsync(HOUR_MS + 10_000);
  expect(ended).not.toHaveBeenCalled();
  keeper.gate = () => Promise.resolve();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(ended).toHaveBeenCalledOnce();
});

test("a stream that is closed leaves no timer and no listener", async () => {
  const { keeper, ends, signIn, ended, checkedMs } = await openStream();
  ends.onEnd(signIn, checkedMs, ended)();
  expect(vi.getTimerCount()).toBe(0);
  ends.onEnd(signIn, checkedMs, ended);
  ends.close();
  expect(vi.getTimerCount()).toBe(0);
  await keeper.end("ada", signIn.publicId, "revoked");
  expect(ended).not.toHaveBeenCalled();
});
