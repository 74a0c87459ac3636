import { afterEach, expect, test, vi } from "vitest";
import { openTab, quick, someone } from "../../testing/devices.ts";
import { ScriptedServer } from "../../testing/scripted-server.ts";
import { recipient, transfer } from "../../testing/transfer.ts";

afterEach(() => {
  // Restores the prototype's own property.
  delete (navigator as { locks?: LockManager }).locks;
});

function withoutLocks(): void {
  Object.defineProperty(navigator, "locks", { value: undefined, configurable: true });
}

/** The page as its person leaves it and comes back to it. */
function show(isSeen: boolean): void {
  vi.spyOn(document, "hidden", "get").mockReturnValue(!isSeen);
  document.dispatchEvent(new Event("visibilitychange"));
}

test("one tab pushes and watches for all, and another takes over when it is gone", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const { transport } = server;
  const { push } = transport;
  const [byLeader, byFollower] = [vi.fn(push.mutate), vi.fn(push.mutate)];
  const leader = openTab(server, { owner, transport: { ...transport, push: { mutate: byLeader } } });
  await vi.waitFor(() => expect(server.streams).toBe(1));
  const follower = openTab(server, { owner, transport: { ...transport, push: { mutate: byFollower } } });
  await follower.ready;

  const session = follower.start(transfer);
  expect(await session.submit("recipient", recipient)).toEqual({ status: "accepted", revision: 2 });
  expect(server.watches).toHaveLength(1);
  expect(byLeader).toHaveBeenCalled();
  expect(byFollower).not.toHaveBeenCalled();

  server.faults.away = true;
  const waiting = session.submit("amount", { cents: 7 });
  await waiting.stored;
  await vi.waitFor(() => expect(session.state.sync.state).toBe("offline"));
  leader.close();
  server.faults.away = false;
  expect(await waiting).toEqual({ status: "accepted", revision: 3 });
  expect(byFollower).toHaveBeenCalled();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  expect(server.streams).toBe(1);
});

test("a page that falls asleep lets go of its lock, its stream and its database, and queues again when it wakes", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const tab = openTab(server, { owner });
  await vi.waitFor(() => expect(server.streams).toBe(1));
  const session = tab.start(transfer);
  await session.submit("recipient", recipient);

  document.dispatchEvent(new Event("freeze"));
  expect(server.streams).toBe(0);
  await vi.waitFor(async () => {
    const { held } = await navigator.locks.query();
    expect(held!.filter(({ name }) => name!.includes(owner))).toEqual([]);
  });
  // No tab has to close the database first.
  const gone = indexedDB.deleteDatabase(`sessions:${owner}::1`);
  await new Promise((resolve, reject) => {
    gone.onsuccess = resolve;
    gone.onblocked = reject;
  });

  document.dispatchEvent(new Event("resume"));
  await vi.waitFor(() => expect(server.streams).toBe(1));
  expect(await session.submit("amount", { cents: 7 })).toMatchObject({ status: "accepted" });
});

test("a page kept for the back button leads no more, and does again when it is shown", async () => {
  const server = new ScriptedServer([transfer]);
  openTab(server, { owner: someone() });
  await vi.waitFor(() => expect(server.streams).toBe(1));
  dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true }));
  expect(server.streams).toBe(0);
  dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
  await vi.waitFor(() => expect(server.streams).toBe(1));
});

test("S4: a leader that fell asleep without a word is replaced by a tab that is seen, and what waits is sent", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const name = `sessions:${owner}::1`;
  const { promise: awake, resolve: wake } = Promise.withResolvers<void>();
  let stolen = false;
  void navigator.locks.request(`${name} transfer@1`, () => awake).catch(() => (stolen = true));
  await vi.waitFor(async () =>
    expect((await navigator.locks.query()).held!.map((lock) => lock.name)).toContain(`${name} transfer@1`),
  );
  const silences: (() => void)[] = [];
  const tab = openTab(
    server,
    { owner },
    {
      ...quick,
      after(ms, run) {
        if (ms !== 2_000) return quick.after(ms, run);
        silences.push(run);
        return () => {};
      },
    },
  );
  const submission = tab.start(transfer).submit("recipient", recipient);
  await submission.stored;
  expect(server.pushes).toEqual([]);

  await vi.waitFor(() => expect(silences).toHaveLength(1));
  silences[0]!();
  expect(await submission).toEqual({ status: "accepted", revision: 2 });
  await vi.waitFor(() => expect(stolen).toBe(true));
  wake();
});

test("S4: what a tab stored before it died without a word is sent by another one", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const ticks: (() => void)[] = [];
  openTab(
    server,
    { owner },
    {
      ...quick,
      after(ms, run) {
        if (ms !== 15_000) return quick.after(ms, run);
        ticks.push(run);
        return () => {};
      },
    },
  );
  await vi.waitFor(() => expect(server.streams).toBe(1));
  // A closed tab can tell no other tab, and is gone at once.
  const post = vi.spyOn(BroadcastChannel.prototype, "postMessage").mockImplementation(() => {});
  const dying = openTab(server, { owner });
  const session = dying.start(transfer);
  await session.submit("recipient", recipient).stored;
  dying.close();
  post.mockRestore();
  expect(server.sessions.size).toBe(0);

  ticks.at(-1)!();
  await vi.waitFor(() => expect(server.snapshot(session.id)).toMatchObject({ revision: 2, data: { recipient } }));
});

test("without Web Locks only tabs that are seen hold a stream, and one that is hidden lets go after a while", async () => {
  withoutLocks();
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const waits: (() => void)[] = [];
  const environment = {
    ...quick,
    after(ms: number, run: () => void) {
      if (ms !== 10_000) return quick.after(ms, run);
      waits.push(run);
      return () => waits.splice(waits.indexOf(run), 1);
    },
  };
  const seen = openTab(server, { owner }, environment);
  await vi.waitFor(() => expect(server.streams).toBe(1));
  show(false);
  const behind = openTab(server, { owner }, environment);
  await behind.ready;
  expect(server.streams).toBe(1);
  for (const run of waits.splice(0)) run();
  expect(server.streams).toBe(0);

  show(true);
  await vi.waitFor(() => expect(server.streams).toBe(2));
  const session = seen.start(transfer);
  expect(await session.submit("recipient", recipient)).toEqual({ status: "accepted", revision: 2 });
});
