import { getEventListeners } from "node:events";
import { metrics } from "@opentelemetry/api";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROTOCOL_VERSION, type WatchEvent } from "@sessions/core/internal";
import type { Bus } from "../../index.ts";
import { createBank, draft, start, TestClient } from "../../testing/bank.ts";
import { adapters, createPlainHost } from "../../testing/host.ts";
import { collectMetrics } from "../../testing/metrics.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool } = await freshDatabase();
const measured = collectMetrics();

let subscriptions = 0;
const bus: Bus = {
  open: () => {
    subscriptions += 1;
    return () => Promise.resolve();
  },
  publish: () => {},
};
const node = createBank(pool, { bus, sweeps: false });

beforeAll(() => node.migrate());
afterAll(async () => {
  await node.close();
  metrics.disable();
});

/** How many watchers the node says that it has. */
async function watchers(): Promise<unknown> {
  return (await measured())["sessions.watchers"]?.[0]?.value;
}

const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;

test("S10: 2,000 watchers share one subscription; slow ones are sent the newest snapshot alone; nothing of them is left", async () => {
  const tellers = Array.from({ length: 100 }, () => {
    const owner = uuidv7();
    return { owner, session: uuidv7(), teller: new TestClient(node, owner) };
  });
  await Promise.all(tellers.map(({ teller, session }) => teller.one(start(session, "notes"))));
  const timersBefore = timers();

  const streams = await Promise.all(
    Array.from({ length: 2_000 }, async (_, index) => {
      const { owner } = tellers[index % tellers.length]!;
      const controller = new AbortController();
      const caller = node.router.createCaller({ user: owner }, { signal: controller.signal });
      const stream = (await caller.watch({ protocol: PROTOCOL_VERSION, known: {} })) as AsyncIterable<WatchEvent>;
      const events: AsyncIterator<WatchEvent, void> = stream[Symbol.asyncIterator]();
      const first = await events.next();
      expect(first.value?.snapshots).toMatchObject([{ revision: 1 }]);
      return { controller, events };
    }),
  );
  expect(await watchers()).toBe(2_000);
  expect(subscriptions).toBe(1);

  // Nobody reads while each session takes thirty revisions.
  for (let change = 0; change < 30; change += 1) {
    await Promise.all(tellers.map(({ teller, session }) => teller.one(draft(session, "right", `f${change}`, change))));
  }
  for (const { value } of await Promise.all(streams.map(({ events }) => events.next()))) {
    expect(value?.snapshots.map(({ revision }) => revision)).toEqual([31]);
  }

  // Half of them wait for the next event as they are cut off, half have not asked for it.
  await Promise.all(
    streams.map(async ({ controller, events }, index) => {
      const waiting = index % 2 === 0 ? events.next() : undefined;
      controller.abort();
      await waiting;
      await events.return?.();
    }),
  );
  expect(await watchers()).toBe(0);
  expect(timers()).toBeLessThanOrEqual(timersBefore);
  for (const { controller } of streams) expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
});

test("S10: of 200 streams over HTTP whose connection is dropped, nothing is left", async () => {
  const { url, stop } = await adapters["standalone"]!(createPlainHost(node));
  const input = encodeURIComponent(JSON.stringify({ protocol: PROTOCOL_VERSION, known: {} }));
  const controller = new AbortController();
  await Promise.all(
    Array.from({ length: 200 }, async () => {
      const answer = await fetch(`${url}/sessions.watch?input=${input}`, {
        headers: { accept: "text/event-stream", "x-user": uuidv7() },
        signal: controller.signal,
      });
      await answer.body!.getReader().read();
    }),
  );
  await expect.poll(watchers).toBe(200);
  controller.abort();
  await expect.poll(watchers).toBe(0);
  await stop();
});
