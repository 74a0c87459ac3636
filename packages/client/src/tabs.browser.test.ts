import { afterEach, expect, test, vi } from "vitest";
import { openTab, someone } from "./testing/devices.ts";
import { ScriptedServer } from "./testing/scripted-server.ts";
import { recipient, transfer } from "./testing/transfer.ts";

afterEach(() => {
  // Back to the prototype's own.
  delete (navigator as { locks?: LockManager }).locks;
});

function withoutLocks(): void {
  Object.defineProperty(navigator, "locks", { value: undefined, configurable: true });
}

const commandsOf = (server: ScriptedServer) => server.pushes.flatMap(({ commands }) => commands);

test("S1: two tabs of one device read the same record and agree", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const [first, second] = [openTab(server, { owner }), openTab(server, { owner })];
  await Promise.all([first.ready, second.ready]);
  expect(second.device).toEqual(first.device);

  const here = first.start(transfer);
  await here.submit("recipient", recipient);
  const there = second.open(transfer, here.id);
  await vi.waitFor(() => expect(there.state.data).toEqual({ recipient }));

  await there.submit("amount", { cents: 7 });
  await vi.waitFor(() => expect(here.state).toEqual(expect.objectContaining({ revision: 3, data: there.state.data })));
  await vi.waitFor(() =>
    expect([here.state.sync, there.state.sync]).toEqual(Array(2).fill({ state: "saved", pending: 0, storage: "disk" })),
  );
});

test("S3: two tabs that change one record at once lose nothing of each other", async () => {
  const server = new ScriptedServer([transfer]);
  server.faults.away = true;
  const owner = someone();
  const [first, second] = [openTab(server, { owner }), openTab(server, { owner })];
  const here = first.start(transfer);
  await here.submit("recipient", recipient).stored;
  const there = second.open(transfer, here.id);
  await vi.waitFor(() => expect(there.state.status).toBe("active"));

  const both = [here.draft("amount", { cents: 7 }), there.draft("amount", { reference: "rent" })];
  await Promise.all(both.map(({ stored }) => stored));
  for (const tab of [here, there]) {
    await vi.waitFor(() => expect(tab.state.drafts.amount).toEqual({ cents: 7, reference: "rent" }));
  }
});

test("one tab pushes and watches for all, and another takes over when it is gone", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const leader = openTab(server, { owner });
  await vi.waitFor(() => expect(server.streams).toBe(1));
  const follower = openTab(server, { owner });
  await follower.ready;

  const session = follower.start(transfer);
  expect(await session.submit("recipient", recipient)).toEqual({ outcome: "accepted", revision: 2 });
  expect(server.watches).toHaveLength(1);
  // Were both pushing, the server would hear a command twice.
  expect(new Set(commandsOf(server).map(({ id }) => id)).size).toBe(commandsOf(server).length);

  server.faults.away = true;
  const waiting = session.submit("amount", { cents: 7 });
  await waiting.stored;
  await vi.waitFor(() => expect(session.state.sync.state).toBe("offline"));
  leader.close();
  server.faults.away = false;
  expect(await waiting).toEqual({ outcome: "accepted", revision: 3 });
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  expect(server.streams).toBe(1);
});

test("S2: without Web Locks two tabs push the same queue, and each command happens once", async () => {
  withoutLocks();
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  server.faults.away = true;
  const first = openTab(server, { owner });
  const here = first.start(transfer);
  const recipientHere = here.submit("recipient", recipient);
  await recipientHere.stored;
  const second = openTab(server, { owner });
  await second.ready;
  const there = second.open(transfer, here.id);
  const amountThere = there.submit("amount", { cents: 7 });
  await amountThere.stored;
  await vi.waitFor(() => expect(here.state.sync.pending).toBe(3));

  // Both have sent before either has an answer.
  const { promise: bothSent, resolve: send } = Promise.withResolvers<void>();
  let sent = 0;
  server.faults.beforePush = () => {
    sent += 1;
    if (sent === 2) send();
    return bothSent;
  };
  server.faults.away = false;

  expect(await recipientHere).toEqual({ outcome: "accepted", revision: 2 });
  expect(await amountThere).toEqual({ outcome: "accepted", revision: 3 });
  expect(server.snapshot(here.id)).toMatchObject({ revision: 3, data: { recipient, amount: { cents: 7 } } });
  const pushed = commandsOf(server).map(({ id }) => id);
  expect(pushed.length).toBeGreaterThan(new Set(pushed).size);
  for (const tab of [here, there]) {
    await vi.waitFor(() => expect(tab.state).toMatchObject({ sync: { state: "saved", pending: 0 }, shelved: [] }));
  }
});
