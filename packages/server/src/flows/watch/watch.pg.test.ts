import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { PROTOCOL_VERSION, type Snapshot, type WatchEvent } from "@sessions/core/internal";
import { cancel, createBank, createLedger, draft, start, submit, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool } = await freshDatabase();
const node = createBank(pool);

beforeAll(async () => {
  await node.migrate();
  await createLedger(pool);
});

/** Reads a stream in the background; `until` waits for a snapshot that fits. */
async function watching(teller: TestClient, known: Record<string, number> = {}) {
  const controller = new AbortController();
  const caller = node.router.createCaller({ user: ownerOf(teller) }, { signal: controller.signal });
  const stream = (await caller.watch({ protocol: PROTOCOL_VERSION, known })) as AsyncIterable<WatchEvent>;
  const seen: Snapshot[] = [];
  const waiting = new Set<() => void>();
  const first = Promise.withResolvers<void>();
  const ended = (async () => {
    for await (const event of stream) {
      seen.push(...event.snapshots);
      first.resolve();
      for (const wake of waiting) wake();
    }
  })();
  await first.promise;
  return {
    seen,
    ended,
    stop: () => controller.abort(),
    async until(fits: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
      for (;;) {
        const found = seen.find(fits);
        if (found) return found;
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    },
  };
}

const owners = new WeakMap<TestClient, string>();
const ownerOf = (teller: TestClient) => owners.get(teller);
function newTeller(): TestClient {
  const owner = uuidv7();
  const teller = new TestClient(node, owner);
  owners.set(teller, owner);
  return teller;
}

test("S10: a watcher gets what is active, then every change, in rising revisions", async () => {
  const ada = newTeller();
  const { session, review } = await ada.untilReview();
  const watcher = await watching(ada);
  expect(watcher.seen).toMatchObject([{ id: session, revision: 3 }]);

  await ada.one(draft(session, "review", "accepted", false));
  await ada.one(review);
  await watcher.until(({ status }) => status === "completed");
  const revisions = watcher.seen.map(({ revision }) => revision);
  expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
  expect(new Set(revisions).size).toBe(revisions.length);
  watcher.stop();
  await watcher.ended;
});

test("S10: a watcher is sent only what it does not know, and what has ended meanwhile", async () => {
  const ada = newTeller();
  const ended = await ada.untilReview();
  const open = await ada.untilReview();
  await ada.one(ended.review);
  const watcher = await watching(ada, { [ended.session]: 3, [open.session]: 3 });
  expect(watcher.seen).toMatchObject([{ id: ended.session, revision: 4, status: "completed" }]);
  watcher.stop();
  await watcher.ended;
});

test("S10: watchers that attach in the middle of a storm all end at the newest revision", async () => {
  const ada = newTeller();
  const session = uuidv7();
  await ada.one(start(session, "notes"));
  const storm = (async () => {
    for (let index = 0; index < 100; index += 1) await ada.one(draft(session, "left", "text", `${index}`, index));
    await ada.one(cancel(session));
  })();
  const watchers = [];
  for (let index = 0; index < 20; index += 1) watchers.push(await watching(ada, { [session]: 1 }));
  await storm;
  for (const watcher of watchers) {
    expect(await watcher.until(({ status }) => status === "cancelled")).toMatchObject({ revision: 102 });
    const revisions = watcher.seen.map(({ revision }) => revision);
    expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
    watcher.stop();
    await watcher.ended;
  }
});

test("S9: a watcher sees nothing of another owner", async () => {
  const ada = newTeller();
  const eve = newTeller();
  const watcher = await watching(eve);
  const session = uuidv7();
  await ada.push(start(session, "notes"), submit(session, "left", { text: "secret" }));
  const own = uuidv7();
  await eve.one(start(own, "notes"));
  await watcher.until(({ id }) => id === own);
  expect(watcher.seen.map(({ id }) => id)).toEqual([own]);
  watcher.stop();
  await watcher.ended;
});

test("closing ends every stream and refuses what comes after", async () => {
  const closing = createBank(pool);
  const caller = closing.router.createCaller({ user: "ada" });
  const stream = (await caller.watch({ protocol: PROTOCOL_VERSION, known: {} })) as AsyncIterable<WatchEvent>;
  const events: WatchEvent[] = [];
  const reading = (async () => {
    for await (const event of stream) {
      events.push(event);
      await closing.close();
    }
  })();
  await reading;
  expect(events).toHaveLength(1);
  await expect(caller.read({ session: uuidv7() })).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
});
