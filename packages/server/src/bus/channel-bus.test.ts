import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { SessionNotice } from "./bus.ts";
import { ChannelBus } from "./channel-bus.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const notice = (revision: number): SessionNotice => ({
  kind: "session",
  owner: "ada",
  session: `${revision}`,
  revision,
});

/** A bus over a channel that delivers to this node alone. Gives when it sent, in milliseconds, and how many notices. */
async function listening(sendMs = 0) {
  const sends: string[] = [];
  const bus = new ChannelBus(({ onPayload }) => {
    const send = async (payloads: readonly string[]) => {
      if (!payloads[0]!.startsWith("echo "))
        sends.push(`${Math.round(performance.now() - startedMs)}: ${payloads.length}`);
      for (const payload of payloads) onPayload(payload);
      if (sendMs > 0) await new Promise((resolve) => setTimeout(resolve, sendMs));
      sends.push("sent");
    };
    return Promise.resolve({ send, close: async () => void sends.push("closed") });
  }, {});
  const close = bus.open({ onNotices: () => {}, onListeningChange: () => {} });
  await vi.advanceTimersByTimeAsync(sendMs);
  sends.length = 0;
  const startedMs = performance.now();
  return { bus, sends, close };
}

test("a notice after a silence is sent at once, with all of its turn", async () => {
  const { bus, sends, close } = await listening();
  bus.publish(notice(1));
  bus.publish(notice(2));
  await vi.advanceTimersByTimeAsync(0);
  expect(sends).toEqual(["0: 2", "sent"]);
  await vi.advanceTimersByTimeAsync(100);
  bus.publish(notice(3));
  await vi.advanceTimersByTimeAsync(0);
  expect(sends).toEqual(["0: 2", "sent", "100: 1", "sent"]);
  await close();
});

test("notices that follow one another are collected: a node sends at most once in 5 ms", async () => {
  const { bus, sends, close } = await listening();
  for (let ms = 0; ms < 20; ms += 1) {
    bus.publish(notice(ms));
    await vi.advanceTimersByTimeAsync(1);
  }
  await vi.advanceTimersByTimeAsync(10);
  expect(sends.filter((each) => each !== "sent")).toEqual(["0: 1", "5: 4", "10: 5", "15: 5", "20: 5"]);
  await close();
  expect(vi.getTimerCount()).toBe(0);
});

test("a send that is under way is not cut off by the end of the last listener", async () => {
  const { bus, sends, close } = await listening(50);
  bus.publish(notice(1));
  await vi.advanceTimersByTimeAsync(10);
  bus.publish(notice(2));
  await vi.advanceTimersByTimeAsync(10);
  const closing = close();
  await vi.advanceTimersByTimeAsync(100);
  await closing;
  expect(sends).toEqual(["0: 1", "10: 1", "sent", "sent", "closed"]);
});
