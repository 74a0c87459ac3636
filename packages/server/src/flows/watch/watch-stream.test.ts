import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Snapshot } from "@sessions/core/internal";
import type { OpenStream } from "../../streams/events.ts";
import { IdleStreams } from "../../streams/idle-streams.ts";
import { ReplyRateLimit } from "../reads/reply-rate-limit.ts";
import { WatchHub } from "./watch-hub.ts";
import { WatchStream, type WatchStreamParts } from "./watch-stream.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const HEARTBEAT_MS = 15_000;
const OWNER_BYTES = 200_000;

type Event = { readonly ids: readonly string[]; readonly more: boolean };

// Of a snapshot, a stream looks at nothing else but its size.
const snapshot = (id: string, revision = 1, text = "") =>
  ({ id, revision, status: "active", data: { text } }) as unknown as Snapshot;

/** Streams to owners who have nothing yet. */
function streaming(options: Partial<WatchStreamParts<Event>> = {}) {
  const hub = new WatchHub(1_000_000);
  const parts: WatchStreamParts<Event> = {
    hub,
    idle: new IdleStreams(HEARTBEAT_MS, (stream) => stream.beat()),
    replyRateLimit: new ReplyRateLimit(OWNER_BYTES, Date.now),
    readerOf: () => ({
      missingAfter: () => Promise.resolve({ ids: [], upToDate: [], end: null }),
      page: () => Promise.resolve({ snapshots: [], rest: [] }),
    }),
    runInTurn: (_, read) => read(),
    requireRoom: () => {},
    requireOwner: () => Promise.resolve(),
    eventOf: (snapshots, more) => ({ ids: snapshots.map(({ id }) => id), more }),
    onTaken: () => {},
    ...options,
  };
  /** Opens a stream, and reads as fast as it comes until it is paused. */
  const open = async (owner: string) => {
    const watcher = { events: [] as Event[], ends: [] as unknown[], isPaused: false, stream: undefined as unknown };
    const stream: OpenStream = new WatchStream(
      parts,
      { owner },
      { known: {} },
      {
        take: (event) => {
          watcher.events.push(event);
          if (!watcher.isPaused) stream.next();
        },
        end: (error) => watcher.ends.push(error),
      },
    );
    stream.next();
    await vi.advanceTimersByTimeAsync(0);
    expect(watcher.events.splice(0)).toEqual([{ ids: [], more: false }]);
    return { watcher, stream };
  };
  return { hub, open };
}

test("a silent stream gets a heartbeat, again and again, and one that has just sent something gets none", async () => {
  const { hub, open } = streaming();
  const [{ watcher: silent }, { watcher: told }] = [await open("ada"), await open("eve")];
  await vi.advanceTimersByTimeAsync(10_000);
  hub.publish("eve", snapshot("s"));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(silent.events).toEqual([{ ids: [], more: false }]);
  expect(told.events).toEqual([{ ids: ["s"], more: false }]);
  await vi.advanceTimersByTimeAsync(30_000);
  expect([silent.events.length, told.events.length]).toEqual([3, 3]);
});

test("changes that are published together make one event", async () => {
  const { hub, open } = streaming();
  const { watcher } = await open("ada");
  hub.publish("ada", snapshot("s", 1));
  hub.publish("ada", snapshot("s", 2));
  hub.publish("ada", snapshot("t"));
  await vi.advanceTimersByTimeAsync(0);
  expect(watcher.events).toEqual([{ ids: ["s", "t"], more: false }]);
});

test("S25: a reader that is not ready gets no heartbeats, and then the newest of each session at once", async () => {
  const { hub, open } = streaming();
  const { watcher, stream } = await open("ada");
  watcher.isPaused = true;
  hub.publish("ada", snapshot("s", 1));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(watcher.events.splice(0)).toEqual([{ ids: ["s"], more: false }]);
  for (let revision = 2; revision < 50; revision += 1) {
    hub.publish("ada", snapshot("s", revision));
    hub.publish("ada", snapshot("t", revision));
  }
  await vi.advanceTimersByTimeAsync(60_000);
  expect(watcher.events).toEqual([]);
  stream.next();
  expect(watcher.events).toEqual([{ ids: ["s", "t"], more: false }]);
});

test("S25: an owner who got too many bytes waits, heartbeats too, and gets the rest later", async () => {
  const { hub, open } = streaming();
  const { watcher, stream } = await open("ada");
  hub.publish("ada", snapshot("s", 1, "x".repeat(2 * OWNER_BYTES)));
  await vi.advanceTimersByTimeAsync(0);
  expect(watcher.events.splice(0)).toHaveLength(1);
  hub.publish("ada", snapshot("s", 2));
  await vi.advanceTimersByTimeAsync(14_900);
  expect(watcher.events).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(watcher.events[0]).toEqual({ ids: ["s"], more: false });
  hub.publish("ada", snapshot("s", 3, "x".repeat(2 * OWNER_BYTES)));
  await vi.advanceTimersByTimeAsync(0);
  hub.publish("ada", snapshot("s", 4));
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(2);
  stream.leave();
  expect(vi.getTimerCount()).toBe(0);
});

test("a change that cannot be made an event ends its stream, and the owner's other streams get it", async () => {
  let made = 0;
  const { hub, open } = streaming({
    eventOf: (snapshots, more) => {
      made += 1;
      if (made === 3) throw new Error("redact");
      return { ids: snapshots.map(({ id }) => id), more };
    },
  });
  const [{ watcher: one }, { watcher: other }] = [await open("ada"), await open("ada")];
  hub.publish("ada", snapshot("s"));
  await vi.advanceTimersByTimeAsync(0);
  expect([one.events, one.ends]).toEqual([[], [new Error("redact")]]);
  expect([other.events, other.ends]).toEqual([[{ ids: ["s"], more: false }], []]);
  expect(hub.size).toBe(1);
});

test("a stream that is left while it reads sends nothing, and is attached no more", async () => {
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
  const { hub, open } = streaming({ requireOwner: () => gate });
  const opening = open("ada").catch(() => "no first event");
  expect(hub.size).toBe(1);
  hub.end("ada");
  expect(hub.size).toBe(0);
  openGate();
  expect(await opening).toBe("no first event");
});

test("a stream that begins while its node closes ends at once", async () => {
  const { hub, open } = streaming();
  hub.close();
  expect(await open("ada").catch(() => "no first event")).toBe("no first event");
  expect(hub.size).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});
