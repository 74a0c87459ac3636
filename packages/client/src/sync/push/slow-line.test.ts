import { defineFlow, step } from "@sessions/core";
import { expect, test } from "vitest";
import { z } from "zod";
import { start } from "../../../../core/src/testing/commands.ts";
import { applySnapshot } from "../../record/snapshot.ts";
import type { ClockOffset } from "../../store/clock-offset.ts";
import { stampFields, keepDraft } from "../../record/drafts.ts";
import { createConnection } from "../connection.ts";
import { createPusher } from "./pusher.ts";
import { emptyRecord, type RecordUpdate, type SessionRecord } from "../../record/record.ts";
import { createApi } from "../api.ts";
import { ScriptedServer } from "../../testing/scripted-server.ts";
import { simulatedTime } from "../../testing/simulated-time.ts";
import type { SessionTransport } from "../http/transport.ts";

const notes = defineFlow({
  name: "notes",
  version: 1,
  steps: { text: step({ input: z.object({ value: z.string() }) }) },
});
const device = { id: crypto.randomUUID(), name: "Phone" };
const clock: ClockOffset = { read: () => 0, write: () => {} };

/** A line that takes its time: bytes go one after the other, and those of a request that is given up are lost. */
function line(server: ScriptedServer, bytesPerMs: number, { environment }: ReturnType<typeof simulatedTime>) {
  let freeAtMs = 0;
  const used = { bytes: 0, requests: 0 };
  const transport: SessionTransport = {
    ...server.transport,
    push: {
      mutate(request, { signal } = {}) {
        const bytes = new TextEncoder().encode(JSON.stringify(request)).length;
        const startMs = Math.max(environment.now(), freeAtMs);
        freeAtMs = startMs + bytes / bytesPerMs;
        used.requests += 1;
        return new Promise((resolve, reject) => {
          const cancel = environment.after(freeAtMs - environment.now(), () => {
            used.bytes += bytes;
            server.transport.push.mutate(request).then(resolve, reject);
          });
          signal?.addEventListener("abort", () => {
            cancel();
            used.bytes += Math.max(0, environment.now() - startMs) * bytesPerMs;
            freeAtMs = environment.now();
            reject(new Error("Given up."));
          });
        });
      },
    },
  };
  return { transport, used };
}

/** A tab in which so many sessions have a draft of so many bytes each, with a store in memory. Returns how it went. */
async function sent(drafts: readonly number[], kilobits: number, maxPushBytes: number) {
  const time = simulatedTime(Date.now());
  const { environment } = time;
  const far = new ScriptedServer([notes]);
  const { transport, used } = line(far, kilobits / 8, time);
  const records = new Map<string, SessionRecord>();
  const change = (id: string, step: RecordUpdate) => {
    records.set(id, step(records.get(id) ?? emptyRecord));
    return Promise.resolve();
  };
  for (const bytes of drafts) {
    const session = environment.id();
    far.take(device, start(session, "notes"));
    void change(session, applySnapshot(far.snapshot(session), device, notes));
    const draftFields = stampFields(records.get(session)!, { value: "x".repeat(bytes) }, device.id, environment.now());
    void change(session, keepDraft("text", draftFields, 1));
  }
  const store = { records, change, loaded: true, isSendable: () => true, written: () => Promise.resolve([]) };
  const options = { transport, owner: "somebody", device: () => device, environment };
  const pusher = createPusher({
    ...options,
    flows: new Map([["notes", notes]]),
    store,
    api: createApi({ ...options, onSignedOut: () => {}, onError: () => {} }),
    connection: createConnection(environment, clock, () => {}),
    maxPushBytes,
    isOpen: () => true,
    tabs: { isLeader: true },
    askServer: () => {},
  });
  pusher.wake(true);
  const isDone = () => [...records.values()].every((record) => Object.keys(record.drafts).length === 0);
  let seconds = 0;
  for (; !isDone() && seconds < 1_000; seconds += 0.25) {
    time.pass(250);
    await new Promise((resolve) => setTimeout(resolve));
  }
  pusher.close();
  const shelved = [...records.values()].flatMap((record) => record.shelved);
  return { seconds, shelved, ...used, onServer: [...records.keys()].map((id) => "text" in far.snapshot(id).drafts) };
}

const QUEUED = Array.from({ length: 12 }, () => 15_000);

test.each([90_000, 200_000])(
  "S26: 180 kB get through a line of 64 kbit/s, %d bytes at once at most, with little sent twice",
  async (maxPushBytes) => {
    const { seconds, shelved, onServer, bytes } = await sent(QUEUED, 64, maxPushBytes);
    expect(onServer).toEqual(QUEUED.map(() => true));
    expect(shelved).toEqual([]);
    // 23 seconds at the least, and 20 for an attempt that was too large.
    expect(seconds).toBeLessThan(50);
    expect(bytes).toBeLessThan(180_000 * 2);
  },
);

test("S26: on a slower line less is sent at once, until it gets through, and one large change alone has its time", async () => {
  const { seconds, onServer, bytes, requests } = await sent([60_000, ...QUEUED], 16, 90_000);
  expect(onServer).not.toContain(false);
  // 120 seconds at the least.
  expect(seconds).toBeLessThan(200);
  expect(bytes).toBeLessThan(240_000 * 1.7);
  expect(requests).toBeLessThan(20);
});
