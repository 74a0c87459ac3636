import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { IdleStreams } from "./idle-streams.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const collect = () => {
  const idle: string[] = [];
  return {
    idle,
    streams: new IdleStreams<string>(100, (stream) => idle.push(`${stream} ${Date.now() - startedMs}`), Date.now),
  };
};
let startedMs = 0;
beforeEach(() => void (startedMs = Date.now()));

test("each stream is told when it has been silent for the time, again and again", () => {
  const { idle, streams } = collect();
  streams.heard("a");
  vi.advanceTimersByTime(30);
  streams.heard("b");
  vi.advanceTimersByTime(50);
  streams.heard("a");
  vi.advanceTimersByTime(160);
  expect(idle).toEqual(["b 130", "a 180", "b 230"]);
});

test("one timer serves all streams, and none is left without streams", () => {
  const { idle, streams } = collect();
  for (let index = 0; index < 1_000; index += 1) streams.heard(`stream ${index}`);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(100);
  expect(idle).toHaveLength(1_000);
  expect(vi.getTimerCount()).toBe(1);
  for (let index = 0; index < 1_000; index += 1) streams.delete(`stream ${index}`);
  expect(vi.getTimerCount()).toBe(0);
});

test("streams that began one after another are told together, and none of them late", () => {
  const { idle, streams } = collect();
  for (let index = 0; index < 200; index += 1) {
    streams.heard(`stream ${index}`);
    if (index % 2 === 1) vi.advanceTimersByTime(1);
  }
  const timers = vi.spyOn(globalThis, "setTimeout");
  vi.advanceTimersByTime(100);
  const toldMs = idle.map((told) => Number(told.split(" ")[2]));
  expect(idle.length).toBeGreaterThanOrEqual(200);
  expect(timers.mock.calls.length).toBeLessThanOrEqual(20);
  for (const [index, ms] of toldMs.slice(0, 200).entries()) {
    const silentMs = ms - Math.floor(index / 2);
    expect(silentMs).toBeLessThanOrEqual(100);
    expect(silentMs).toBeGreaterThan(93);
  }
  timers.mockRestore();
});

test("a stream that is deleted while it is told is told no more", () => {
  const told: string[] = [];
  const streams: IdleStreams<string> = new IdleStreams(
    100,
    (stream) => {
      told.push(stream);
      streams.delete(stream);
    },
    Date.now,
  );
  streams.heard("a");
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual(["a"]);
  streams.heard("b");
  vi.advanceTimersByTime(100);
  expect(told).toEqual(["a", "b"]);
});
