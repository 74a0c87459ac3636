import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Snapshot } from "@sessions/core";
import type { BusListener } from "./bus/bus.ts";
import { Relay } from "./relay.ts";
import { WatchHub } from "./watch.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

// Of a snapshot, the relay and the hub look at nothing else.
const snapshot = { id: "s", revision: 2, status: "active" } as Snapshot;

function relaying(newer: () => Promise<readonly Snapshot[]>) {
  let listener: BusListener | undefined;
  const bus = { open: (opened: BusListener) => (listener = opened), publish: () => {}, close: () => Promise.resolve() };
  const hub = new WatchHub();
  const relay = new Relay({
    bus,
    hub,
    newer,
    now: Date.now,
    load: () => Promise.resolve([]),
    forget: () => {},
    report: () => {},
  });
  relay.open();
  return { relay, hub, hearing: (hears: boolean) => listener!.hearing(hears) };
}

test("S10: a watcher learns of a commit of which no notice ever came, though the bus hears", async () => {
  const committed: Snapshot[] = [];
  const { relay, hub, hearing } = relaying(() => Promise.resolve(committed));
  const inbox = hub.join("ada", { s: 1 });
  hearing(true);
  await vi.advanceTimersByTimeAsync(1_000);
  committed.push(snapshot);
  const taken = inbox.take(300_000, undefined);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await taken).toEqual([snapshot]);
  await relay.close();
});

test("a relay whose bus turns deaf and hearing again and again polls once at a time, and leaves no timer", async () => {
  const newer = vi.fn(() => Promise.resolve([]));
  const { relay, hub, hearing } = relaying(newer);
  hub.join("ada", {});
  for (let index = 0; index < 10; index += 1) hearing(index % 2 === 0);
  await vi.advanceTimersByTimeAsync(0);
  newer.mockClear();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(newer).toHaveBeenCalledTimes(10);
  await relay.close();
  expect(vi.getTimerCount()).toBe(0);
});
