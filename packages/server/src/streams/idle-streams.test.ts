import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { IdleStreams } from "./idle-streams.ts";

let startedMs = 0;
beforeEach(() => {
  vi.useFakeTimers();
  startedMs = Date.now();
});
afterEach(() => void vi.useRealTimers());

const IDLE_MS = 80;

function collect() {
  const idle: { readonly name: string; readonly ms: number }[] = [];
  return { idle, streams: new IdleStreams<string>(IDLE_MS, (name) => idle.push({ name, ms: Date.now() - startedMs })) };
}

test("each stream is told when it has been silent for the time, again and again", () => {
  const { idle, streams } = collect();
  streams.heard("a");
  vi.advanceTimersByTime(30);
  streams.heard("b");
  vi.advanceTimersByTime(30);
  streams.heard("a");
  vi.advanceTimersByTime(140);
  expect(idle).toEqual([
    { name: "b", ms: 110 },
    { name: "a", ms: 140 },
    { name: "b", ms: 190 },
  ]);
});

test("no stream is told late, or more than an eighth of the time early", () => {
  const { idle, streams } = collect();
  const heardMs = new Map<string, number>();
  for (let ms = 0; ms < 40; ms += 1) {
    streams.heard(`${ms}`);
    heardMs.set(`${ms}`, ms);
    vi.advanceTimersByTime(1);
  }
  vi.advanceTimersByTime(IDLE_MS);
  expect(idle).toHaveLength(40);
  for (const { name, ms } of idle) {
    const silentMs = ms - heardMs.get(name)!;
    expect(silentMs).toBeLessThanOrEqual(IDLE_MS);
    expect(silentMs).toBeGreaterThanOrEqual((IDLE_MS * 7) / 8);
  }
});

test("one timer serves all streams, and none is left without streams", () => {
  const { idle, streams } = collect();
  for (let index = 0; index < 1_000; index += 1) streams.heard(`stream ${index}`);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(IDLE_MS);
  expect(idle).toHaveLength(1_000);
  expect(vi.getTimerCount()).toBe(1);
  for (let index = 0; index < 1_000; index += 1) streams.delete(`stream ${index}`);
  expect(vi.getTimerCount()).toBe(0);
});

test("a stream that is deleted while it is told is told no more", () => {
  const told: string[] = [];
  const streams: IdleStreams<string> = new IdleStreams(IDLE_MS, (stream) => {
    told.push(stream);
    streams.delete(stream);
  });
  streams.heard("a");
  vi.advanceTimersByTime(1_000);
  expect(told).toEqual(["a"]);
  streams.heard("b");
  vi.advanceTimersByTime(IDLE_MS);
  expect(told).toEqual(["a", "b"]);
});
