import { afterEach, expect, test, vi } from "vitest";
import { openTab, someone } from "../../testing/devices.ts";
import { ScriptedServer } from "../../testing/scripted-server.ts";
import { recipient, transfer } from "../../testing/transfer.ts";

afterEach(() => {
  // Restores the prototype's own property.
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

  expect(await recipientHere).toEqual({ status: "accepted", revision: 2 });
  expect(await amountThere).toEqual({ status: "accepted", revision: 3 });
  expect(server.snapshot(here.id)).toMatchObject({ revision: 3, data: { recipient, amount: { cents: 7 } } });
  const pushed = commandsOf(server).map(({ id }) => id);
  expect(pushed.length).toBeGreaterThan(new Set(pushed).size);
  for (const tab of [here, there]) {
    await vi.waitFor(() => expect(tab.state).toMatchObject({ sync: { state: "saved", pending: 0 }, shelved: [] }));
  }
});

test("S3: with neither Web Locks nor a channel two tabs that are seen lose nothing of each other, and agree", async () => {
  withoutLocks();
  vi.stubGlobal("BroadcastChannel", undefined);
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const [first, second] = [openTab(server, { owner }), openTab(server, { owner })];
  const here = first.start(transfer);
  await here.submit("recipient", recipient);
  const there = second.open(transfer, here.id);
  await vi.waitFor(() => expect(there.state.data).toEqual({ recipient }));
  const both = [here.draft("amount", { cents: 7 }), there.draft("amount", { reference: "rent" })];
  await Promise.all(both.map(({ settled }) => settled));
  for (const tab of [here, there]) {
    await vi.waitFor(() =>
      expect(tab.state).toMatchObject({
        drafts: { amount: { cents: 7, reference: "rent" } },
        sync: { state: "saved" },
      }),
    );
  }
});

test("a tab whose push failed, and whose queue another tab has sent meanwhile, never calls itself offline", async () => {
  withoutLocks();
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const [first, second] = [openTab(server, { owner }), openTab(server, { owner })];
  const here = first.start(transfer);
  const there = second.open(transfer, here.id);
  await vi.waitFor(() => expect([here.state.sync.state, there.state.sync.state]).toEqual(["saved", "saved"]));

  const { promise: sentByOther, reject: fail } = Promise.withResolvers<void>();
  let pushes = 0;
  server.faults.beforePush = () => {
    pushes += 1;
    return pushes === 1 ? sentByOther : Promise.resolve();
  };
  const submission = here.submit("recipient", recipient);
  await vi.waitFor(() => expect([pushes, there.state.sync.pending]).toEqual([1, 1]));
  dispatchEvent(new Event("online"));
  await submission;
  const states: string[] = [];
  here.subscribe(() => states.push(here.state.sync.state));
  fail(new Error("The connection broke."));
  // Two streams of two tabs: the failed push was looked into.
  await vi.waitFor(() => expect(server.asked).toBeGreaterThan(0));
  await here.submit("amount", { cents: 7 });
  expect(states).not.toContain("offline");
});

test("S9: a tab drains its own owner's queue, never another's", async () => {
  const server = new ScriptedServer([transfer]);
  server.faults.away = true;
  const [ada, bob] = [someone(), someone()];
  const before = openTab(server, { owner: ada });
  await before.start(transfer).submit("recipient", recipient).stored;
  before.close();
  server.faults.away = false;
  const tab = openTab(server, { owner: bob });
  expect(await tab.start(transfer).submit("recipient", recipient)).toMatchObject({ status: "accepted" });
  window.dispatchEvent(new Event("online"));
  expect(new Set(server.pushes.map(({ owner }) => owner))).toEqual(new Set([bob]));

  openTab(server, { owner: ada });
  await vi.waitFor(() => expect(server.pushes.some(({ owner }) => owner === ada)).toBe(true));
});
