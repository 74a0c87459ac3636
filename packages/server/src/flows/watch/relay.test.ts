import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Snapshot } from "@sessions/core";
import type { BusListener } from "../../bus/bus.ts";
import { Relay } from "./relay.ts";
import { WatchHub } from "./watch-hub.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

// Of a snapshot, the relay and the hub look at nothing else.
const snapshot = { id: "s", revision: 2, status: "active" } as Snapshot;

interface Looking {
  readonly isAdopted: (owner: string) => Promise<boolean>;
  readonly missing: (owner: string) => Promise<readonly string[]>;
  readonly page: (
    owner: string,
  ) => Promise<{ readonly snapshots: readonly Snapshot[]; readonly rest: readonly string[] }>;
}

/** A watcher that notes whether its stream was ended. */
function joined(hub: WatchHub, owner: string) {
  const watcher = { isEnded: false, wake: () => {}, close: () => void (watcher.isEnded = true) };
  const inbox = hub.join(owner, watcher);
  return { watcher, inbox };
}

function relaying(looking: Partial<Looking> = {}) {
  let listener: BusListener | undefined;
  const bus = {
    open: (opened: BusListener) => {
      listener = opened;
      return () => Promise.resolve();
    },
    publish: () => {},
  };
  const hub = new WatchHub(1_000_000);
  const reported: unknown[] = [];
  const relay = new Relay({
    bus,
    hub,
    now: Date.now,
    isAdopted: () => Promise.resolve(false),
    missing: () => Promise.resolve([]),
    page: () => Promise.resolve({ snapshots: [], rest: [] }),
    dropCached: () => {},
    dropOwner: () => {},
    report: (error) => reported.push(error),
    ...looking,
  });
  relay.open();
  return { relay, hub, reported, listener: listener! };
}

test("S10: a watcher learns of a commit of which no notice ever came, though the bus hears", async () => {
  const committed: Snapshot[] = [];
  const { relay, hub, listener } = relaying({
    missing: () => Promise.resolve(committed.map(({ id }) => id)),
    page: () => Promise.resolve({ snapshots: committed, rest: [] }),
  });
  const { inbox } = joined(hub, "ada");
  hub.recordSent("ada", [["s", 1]]);
  listener.onListeningChange(true);
  await vi.advanceTimersByTimeAsync(1_000);
  committed.push(snapshot);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(inbox.take()).toEqual({ snapshots: [snapshot], overflow: [] });
  await relay.close();
});

test("a relay whose bus turns deaf and hearing again and again polls once at a time, and leaves no timer", async () => {
  const missing = vi.fn(() => Promise.resolve([]));
  const { relay, hub, listener } = relaying({ missing });
  joined(hub, "ada");
  for (let index = 0; index < 10; index += 1) listener.onListeningChange(index % 2 === 0);
  await vi.advanceTimersByTimeAsync(0);
  missing.mockClear();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(missing).toHaveBeenCalledTimes(10);
  await relay.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("S25: an owner whose look-up fails is looked up again later, and the others meanwhile", async () => {
  const asked: string[] = [];
  const { relay, hub, reported } = relaying({
    missing: (owner) => {
      asked.push(owner);
      return owner === "mallory" ? Promise.reject(new Error("08P01")) : Promise.resolve([]);
    },
  });
  const owners = ["mallory", ...Array.from({ length: 20 }, (_, index) => `owner ${index}`)];
  for (const owner of owners) joined(hub, owner);
  await vi.advanceTimersByTimeAsync(4_000);
  expect(asked.toSorted()).toEqual([...owners, ...owners].toSorted());
  expect(reported).toHaveLength(2);
  await relay.close();
});

test("a database that is away costs a few look-ups, not one for each owner", async () => {
  const missing = vi.fn(() => Promise.reject(new Error("away")));
  const { relay, hub, reported } = relaying({ missing });
  for (let index = 0; index < 1_000; index += 1) joined(hub, `owner ${index}`);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(reported.length).toBeLessThan(10);
  await relay.close();
});

test("S20: the streams of a visitor end when another node tells of the adoption, or when they are looked up", async () => {
  const adopters = new Set<string>();
  const { relay, hub, listener } = relaying({ isAdopted: (owner) => Promise.resolve(adopters.has(owner)) });
  const [{ watcher: told }, { watcher: found }] = [joined(hub, "visitor-told"), joined(hub, "visitor-found")];
  listener.onNotices([{ kind: "adopted", owner: "visitor-told" }]);
  expect([told.isEnded, found.isEnded]).toEqual([true, false]);
  adopters.add("visitor-found");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(found.isEnded).toBe(true);
  await relay.close();
});
