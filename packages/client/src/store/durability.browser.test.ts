import { expect, test, vi } from "vitest";
import { openTab, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

const databasesOf = async (owner: string) =>
  (await indexedDB.databases()).map(({ name }) => name!).filter((name) => name.includes(owner));

test("S1: a draft and a queued submission survive a reload, and reach the server", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  server.faults.away = true;
  const before = openTab(server, { owner });
  const session = before.start(transfer);
  await session.submit("recipient", recipient).stored;
  await session.draft("amount", { cents: 12 }).stored;
  before.close();

  const after = openTab(server, { owner });
  await after.ready;
  const reopened = after.open(transfer, session.id);
  expect(reopened.state).toMatchObject({
    status: "active",
    revision: 0,
    data: { recipient },
    drafts: { amount: { cents: 12 } },
    progress: { current: "amount", position: 2, total: 3 },
    sync: { pending: 3, storage: "disk" },
  });
  expect(after.device.id).toBe(before.device.id);

  server.faults.away = false;
  await vi.waitFor(() => expect(reopened.state.sync.state).toBe("saved"));
  expect(server.snapshot(session.id)).toMatchObject({
    revision: 3,
    data: { recipient },
    drafts: { amount: { cents: { value: 12 } } },
  });
});

test("S1: what was stored is on the disk when `stored` resolves", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  server.faults.away = true;
  const sessions = openTab(server, { owner });
  const session = sessions.start(transfer);
  const { stored } = session.submit("recipient", recipient);
  expect(session.state.data).toEqual({ recipient });
  await stored;

  // A page that dies closes nothing. Another page reads the disk.
  const other = openTab(server, { owner });
  await other.ready;
  expect(other.open(transfer, session.id).state.data).toEqual({ recipient });
});

test("S1: what a person does is written to the disk itself, and what the server has at the browser's leisure", async () => {
  const written: string[] = [];
  const { transaction } = IDBDatabase.prototype;
  vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(function (this: IDBDatabase, ...given) {
    const begun = transaction.apply(this, given);
    if (begun.mode === "readwrite") written.push(begun.durability);
    return begun;
  });
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  await sessions.ready;
  written.length = 0;
  server.faults.away = true;
  const session = sessions.start(transfer);
  await session.draft("amount", { cents: 1 }).stored;
  await session.submit("recipient", recipient).stored;
  expect(new Set(written)).toEqual(new Set(["strict"]));

  server.faults.away = false;
  dispatchEvent(new Event("online"));
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  await vi.waitFor(() => expect(written.at(-1)).toBe("relaxed"));
});

test("S9: two owners in one browser see nothing of each other", async () => {
  const server = new ScriptedServer([transfer]);
  const nobody = new ScriptedServer([transfer]);
  const ada = openTab(server, { owner: someone() });
  const bob = openTab(nobody, { owner: someone() });
  const session = ada.start(transfer);
  await session.submit("recipient", recipient);

  await bob.ready;
  const list = bob.list(transfer);
  await vi.waitFor(() => expect(list.state.loading).toBe(false));
  expect(list.state).toMatchObject({ active: [], ended: [] });
  const guessed = bob.open(transfer, session.id);
  await vi.waitFor(() => expect(guessed.state.status).toBe("missing"));
  expect(bob.device.id).not.toBe(ada.device.id);
  expect(nobody.pushes).toEqual([]);
});

test("forgetting an owner leaves no database of any profile, and closes the other tabs", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const stranger = someone();
  const phone = openTab(server, { owner, profile: "phone" });
  const laptop = openTab(server, { owner, profile: "laptop" });
  const laptopAgain = openTab(server, { owner, profile: "laptop" });
  const other = openTab(server, { owner: stranger });
  await Promise.all([phone, laptop, laptopAgain, other].map(({ ready }) => ready));
  await phone.start(transfer).submit("recipient", recipient).stored;
  expect(await databasesOf(owner)).toHaveLength(2);

  await phone.forget();
  expect(await databasesOf(owner)).toEqual([]);
  expect(await databasesOf(stranger)).toHaveLength(1);
  for (const closed of [phone, laptop, laptopAgain]) {
    await vi.waitFor(() => expect(() => closed.start(transfer)).toThrow("closed: "));
  }
  expect(await databasesOf(owner)).toEqual([]);
  expect(() => other.start(transfer)).not.toThrow();
});

test("S13: where the browser refuses to store, sessions go on in memory and say so", async () => {
  const server = new ScriptedServer([transfer]);
  vi.stubGlobal("indexedDB", {
    open() {
      throw new DOMException("Refused.", "SecurityError");
    },
  });
  const sessions = openTab(server, { owner: someone() });
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient).stored;
  expect(session.state).toMatchObject({ data: { recipient }, sync: { storage: "memory" } });

  expect(await session.submit("amount", { cents: 5 })).toEqual({ status: "accepted", revision: 3 });
  expect(session.state.sync).toEqual({ state: "saved", pending: 0, storage: "memory" });
});

test("S13: a tab that cannot store pushes for itself, and closes when its owner signs out in another", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const leader = openTab(server, { owner });
  await leader.ready;
  await vi.waitFor(() => expect(server.streams).toBe(1));
  const refused = vi.spyOn(IDBFactory.prototype, "open").mockImplementation(() => {
    throw new DOMException("Refused.", "SecurityError");
  });
  const tab = openTab(server, { owner });
  await tab.ready;
  expect(await tab.start(transfer).submit("recipient", recipient)).toEqual({ status: "accepted", revision: 2 });

  refused.mockRestore();
  await leader.forget();
  await vi.waitFor(() => expect(() => tab.start(transfer)).toThrow("closed: "));
});

test("S13: a store that works again takes over what was in memory", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  server.faults.away = true;
  const sessions = openTab(server, { owner });
  await sessions.ready;
  const session = sessions.start(transfer);
  await session.draft("recipient", { name: "Ada" }).stored;

  const broken = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(() => {
    throw new DOMException("Gone.", "UnknownError");
  });
  await session.submit("recipient", recipient).stored;
  expect(session.state).toMatchObject({ data: { recipient }, sync: { storage: "memory" } });

  broken.mockRestore();
  await session.draft("amount", { cents: 3 }).stored;
  expect(session.state.sync.storage).toBe("disk");
  const other = openTab(server, { owner });
  await other.ready;
  expect(other.open(transfer, session.id).state).toMatchObject({
    data: { recipient },
    drafts: { amount: { cents: 3 } },
  });
});

test("S4: when the disk works again, every session that was in memory is written before it is said", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const sessions = openTab(server, { owner });
  await sessions.ready;
  const [touched, other] = [sessions.start(transfer), sessions.start(transfer)];
  await vi.waitFor(() => expect([touched.state.revision, other.state.revision]).toEqual([1, 1]));
  server.faults.away = true;
  const broken = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(() => {
    throw new DOMException("Gone.", "UnknownError");
  });
  await Promise.all([touched, other].map((session) => session.submit("recipient", recipient).stored));
  expect(other.state.sync.storage).toBe("memory");

  broken.mockRestore();
  await touched.draft("amount", { cents: 1 }).stored;
  await vi.waitFor(() => expect(other.state.sync.storage).toBe("disk"));
  const again = openTab(server, { owner });
  await again.ready;
  expect(again.open(transfer, other.id).state.data).toEqual({ recipient });
});
