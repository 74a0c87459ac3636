import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROTOCOL_VERSION, type WatchEvent } from "@sessions/core/internal";
import type { Events, OpenStream } from "../../streams/events.ts";
import { createBank, start, submit, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const WATCHERS = 10_000;
const AT_ONCE = 500;

const { pool } = await freshDatabase();
const node = createBank(pool, { sweeps: false, bounds: { ownerStreams: WATCHERS } });
beforeAll(() => node.migrate());
afterAll(() => node.close());

const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length;

/** A watcher as the lane has it: it takes events without promises. It knows the session at its first revision. */
async function watch(owner: string, session: string) {
  const caller = node.router.createCaller({ user: owner });
  const events = (await caller.watch({
    protocol: PROTOCOL_VERSION,
    known: { [session]: 1 },
  })) as unknown as Events<WatchEvent>;
  const watcher = { revisions: [] as number[], ends: 0, stream: undefined as unknown as OpenStream };
  const { promise: first, resolve: onFirst } = Promise.withResolvers<void>();
  watcher.stream = events.open({
    take: ({ snapshots }) => {
      watcher.revisions.push(...snapshots.map(({ revision }) => revision));
      onFirst();
      watcher.stream.next();
    },
    end: () => void (watcher.ends += 1),
  });
  watcher.stream.next();
  await first;
  return watcher;
}

test("S10, S25: 10,000 watchers of one owner share one timer, each gets a change once, and ten thousand ends leave nothing", async () => {
  const owner = uuidv7();
  const session = uuidv7();
  const teller = new TestClient(node, owner);
  await teller.one(start(session, "notes"));
  const timersBefore = timers();
  const watchers: Awaited<ReturnType<typeof watch>>[] = [];
  while (watchers.length < WATCHERS)
    watchers.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => watch(owner, session)))));
  expect(timers() - timersBefore).toBeLessThanOrEqual(2);

  await teller.one(submit(session, "left", { text: "x" }));
  expect(watchers.every(({ revisions }) => revisions.join() === "2")).toBe(true);

  const [left, ended] = [watchers.slice(0, WATCHERS / 2), watchers.slice(WATCHERS / 2)];
  for (const { stream } of left) stream.leave();
  await node.close();
  expect(left.every(({ ends }) => ends === 0)).toBe(true);
  expect(ended.every(({ ends }) => ends === 1)).toBe(true);
  expect(timers()).toBeLessThanOrEqual(timersBefore);
});
