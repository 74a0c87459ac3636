import type { Command } from "@sessions/core";
import { expect, onTestFinished, test, vi } from "vitest";
import { enqueue } from "../record/queue.ts";
import { createStore, type Store } from "./store.ts";
import { openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

const nameOf = (owner: string) => `sessions:${owner}::1`;

/** A device whose server is away, so that everything stays here. */
function away(owner = someone()) {
  const server = new ScriptedServer([transfer]);
  server.faults.away = true;
  return { server, owner, open: (environment = quick) => openTab(server, { owner }, environment) };
}

/** Time that stands still for the disk's patience, until it is told to end. */
function patience() {
  const ends = new Set<() => void>();
  const environment = {
    ...quick,
    after(ms: number, run: () => void) {
      if (ms !== 3_000) return quick.after(ms, run);
      ends.add(run);
      return () => ends.delete(run);
    },
  };
  return { environment, end: () => ends.forEach((run) => run()) };
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
  });
}

/** A connection of somebody who hears nothing. */
async function deafConnection(owner: string): Promise<IDBDatabase> {
  const database = await result(indexedDB.open(nameOf(owner)));
  onTestFinished(() => database.close());
  return database;
}

/** What a page that is loaded now would find. */
async function recordsOnDisk(owner: string): Promise<Record<string, unknown>[]> {
  const database = await result(indexedDB.open(nameOf(owner)));
  const all = await result(database.transaction("records").objectStore("records").getAll());
  database.close();
  return all.filter((value) => typeof value !== "string");
}

function bareStore(owner: string, schemaVersion?: number): Store {
  const nothing = () => {};
  const events = { onChange: nothing, onStorage: nothing, onStored: nothing, onForgotten: nothing };
  const store = createStore({
    owner,
    profile: "",
    environment: quick,
    lift: (record) => record,
    conceals: () => false,
    ...events,
    ...(schemaVersion !== undefined && { schemaVersion }),
  });
  onTestFinished(() => store.forget());
  return store;
}

const started = (session: string): Command & { kind: "start" } => ({
  kind: "start",
  id: quick.id(),
  session,
  version: 1,
  flow: "transfer",
});

test("S13: a full disk keeps sessions in memory and says so; once there is room all is written, once", async () => {
  const { server, owner, open } = away();
  const sessions = open();
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient).stored;
  expect(session.state.sync.storage).toBe("disk");

  // Chromium goes by the room that it found up to 30 seconds ago, so a full disk is staged as it shows: an abort.
  const full = vi.spyOn(IDBTransaction.prototype, "commit").mockImplementation(function (this: IDBTransaction) {
    this.abort();
  });
  await session.submit("amount", { cents: 5 }).stored;
  expect(session.state).toMatchObject({ data: { amount: { cents: 5 } }, sync: { storage: "memory", pending: 3 } });
  expect(await recordsOnDisk(owner)).toMatchObject([{ pending: [{}, {}] }]);

  full.mockRestore();
  await session.draft("amount", { cents: 6 }).stored;
  expect(session.state.sync).toMatchObject({ storage: "disk", pending: 4 });
  expect(await recordsOnDisk(owner)).toMatchObject([{ pending: [{}, {}, {}] }]);
  server.faults.away = false;
  await vi.waitFor(() => expect(session.state).toMatchObject({ revision: 4, sync: { state: "saved" } }));
});

test("S13: a tab that sleeps within a transaction holds nobody up for long, and what it held up is written once", async () => {
  const { owner, open } = away();
  const { environment, end } = patience();
  const sessions = open(environment);
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient).stored;

  const sleeper = (await deafConnection(owner)).transaction("records", "readwrite").objectStore("records");
  let asleep = true;
  const sleep = () => {
    if (asleep) sleeper.get("nothing").onsuccess = sleep;
  };
  sleep();
  const held = session.submit("amount", { cents: 5 });
  // As if its time were over: the transaction waits for the sleeper's.
  await vi.waitFor(() => (end(), expect(session.state.sync.storage).toBe("memory")));
  await held.stored;
  expect(session.state.data).toMatchObject({ amount: { cents: 5 } });

  asleep = false;
  await session.draft("amount", { cents: 6 }).stored;
  expect(session.state.sync.storage).toBe("disk");
  expect(await recordsOnDisk(owner)).toMatchObject([{ pending: [{}, {}, {}], drafts: { amount: { cents: {} } } }]);
});

test("S13: a deletion that another tab holds up lets sessions begin in memory; afterwards they are written", async () => {
  const { owner, open } = away();
  const before = open();
  await before.start(transfer).submit("recipient", recipient).stored;
  const deaf = await deafConnection(owner);
  before.close();
  const deletion = result(indexedDB.deleteDatabase(nameOf(owner)));

  const { environment, end } = patience();
  const sessions = open(environment);
  const session = sessions.start(transfer);
  const waiting = setInterval(end);
  await sessions.ready;
  clearInterval(waiting);
  expect(session.state).toMatchObject({ status: "active", sync: { storage: "memory" } });

  deaf.close();
  await deletion;
  await session.draft("recipient", { name: "Ada" }).stored;
  await vi.waitFor(() => expect(session.state.sync.storage).toBe("disk"));
  expect(await recordsOnDisk(owner)).toMatchObject([{ pending: [{}], drafts: { recipient: { name: {} } } }]);
});

test("S13: IndexedDB deleted under two open tabs is made again from what both know", async () => {
  const { owner, open } = away();
  const [first, second] = [open(), open()];
  await Promise.all([first.ready, second.ready]);
  const here = first.start(transfer);
  await here.submit("recipient", recipient).stored;
  const there = second.open(transfer, here.id);
  await vi.waitFor(() => expect(there.state.data).toEqual({ recipient }));

  await result(indexedDB.deleteDatabase(nameOf(owner)));
  expect(here.state.data).toEqual({ recipient });
  await Promise.all([here.draft("amount", { cents: 1 }).stored, there.draft("amount", { reference: "rent" }).stored]);
  await vi.waitFor(async () =>
    expect(await recordsOnDisk(owner)).toMatchObject([
      { pending: [{}, {}], drafts: { amount: { cents: {}, reference: {} } } },
    ]),
  );
  for (const session of [here, there]) {
    await vi.waitFor(() =>
      expect(session.state).toMatchObject({ data: { recipient }, sync: { storage: "disk", pending: 3 } }),
    );
  }
  const page = open();
  await page.ready;
  expect(page.device.id).toBe(first.device.id);
  expect(page.lost).toBe(false);
});

test("S13: a page whose records were deleted writes them again although nothing more is done in it", async () => {
  const { owner, open } = away();
  const sessions = open();
  await sessions.start(transfer).submit("recipient", recipient).stored;
  await result(indexedDB.deleteDatabase(nameOf(owner)));
  await vi.waitFor(async () => expect(await recordsOnDisk(owner)).toMatchObject([{ pending: [{}, {}] }]));
});

test("S13: a connection that the browser closes is opened again, with or without a word", async () => {
  const { owner, open } = away();
  const opened: IDBDatabase[] = [];
  const original = IDBFactory.prototype.open;
  vi.spyOn(IDBFactory.prototype, "open").mockImplementation(function (this: IDBFactory, ...given) {
    const request = original.apply(this, given);
    request.addEventListener("success", () => opened.push(request.result));
    return request;
  });
  const sessions = open();
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient).stored;
  // "The database connection is closing."
  opened.at(-1)!.close();
  await session.draft("amount", { cents: 1 }).stored;
  expect(session.state.sync.storage).toBe("disk");
  opened.at(-1)!.close();
  opened.at(-1)!.dispatchEvent(new Event("close"));
  await session.draft("amount", { cents: 2 }).stored;
  expect(session.state.sync.storage).toBe("disk");
  expect(await recordsOnDisk(owner)).toMatchObject([{ drafts: { amount: { cents: { value: 2 } } } }]);
});

test("S13: WebKit's lost database process costs one more attempt", async () => {
  const { owner, open } = away();
  const sessions = open();
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient).stored;
  const get = vi.spyOn(IDBObjectStore.prototype, "get").mockImplementationOnce(() => {
    throw new DOMException("Connection to Indexed Database server lost. Refresh the page to try again", "UnknownError");
  });
  await session.draft("amount", { cents: 1 }).stored;
  expect(get).toHaveBeenCalledTimes(2);
  expect(session.state.sync.storage).toBe("disk");
  expect(await recordsOnDisk(owner)).toMatchObject([{ drafts: { amount: { cents: {} } } }]);
});

test("S13: a transaction that completed although its failure was told doubles nothing", async () => {
  const { owner, open } = away();
  const sessions = open();
  const session = sessions.start(transfer);
  await session.draft("recipient", { name: "A" }).stored;
  const { commit } = IDBTransaction.prototype;
  vi.spyOn(IDBTransaction.prototype, "commit").mockImplementationOnce(function (this: IDBTransaction) {
    // It hears of an end that is none.
    this.dispatchEvent(new Event("abort"));
    commit.call(this);
  });
  await session.submit("recipient", recipient).stored;
  expect(session.state.sync).toMatchObject({ pending: 2, storage: "disk" });
  expect(await recordsOnDisk(owner)).toMatchObject([{ pending: [{}, {}] }]);
});

test("S13: memory heals by itself once the disk works, with nothing done meanwhile", async () => {
  const ticks: (() => void)[] = [];
  const { owner, open } = away();
  const sessions = open({
    ...quick,
    after(ms, run) {
      if (ms !== 15_000) return quick.after(ms, run);
      ticks.push(run);
      return () => {};
    },
  });
  await sessions.ready;
  const broken = vi.spyOn(IDBDatabase.prototype, "transaction").mockImplementation(() => {
    throw new DOMException("Gone.", "UnknownError");
  });
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient).stored;
  expect(session.state.sync.storage).toBe("memory");
  broken.mockRestore();
  ticks.at(-1)!();
  await vi.waitFor(() => expect(session.state.sync.storage).toBe("disk"));
  expect(await recordsOnDisk(owner)).toMatchObject([{ pending: [{}, {}] }]);
});

test("S13: an owner who signs out is forgotten by tabs that no channel reaches, too", async () => {
  vi.stubGlobal("BroadcastChannel", undefined);
  const { owner, open } = away();
  const [first, second] = [open(), open()];
  await Promise.all([first.ready, second.ready]);
  const session = second.start(transfer);
  await session.submit("recipient", recipient).stored;
  await first.forget();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("signed_out"));
  expect(() => second.start(transfer)).toThrow("closed: ");
  // A screen may render once more, also what it has not shown before.
  expect(second.open(transfer, quick.id()).state.status).toBe("missing");
  expect(first.list(transfer).state.active).toEqual([]);
  expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain(nameOf(owner));
});

test("S9: a tab that goes on writing while its owner is forgotten does not bring the database back", async () => {
  vi.stubGlobal("BroadcastChannel", undefined);
  const { owner, open } = away();
  const [first, second] = [open(), open()];
  await Promise.all([first.ready, second.ready]);
  const session = second.start(transfer);
  const typing: Promise<void>[] = [];
  const type = (name: string) => typing.push(session.draft("recipient", { name }).stored);
  type("A");
  const forgotten = first.forget();
  for (let count = 0; session.state.sync.state !== "signed_out"; count += 1) {
    type(`A${count}`);
    await typing.at(-1);
  }
  await Promise.all([forgotten, ...typing]);
  await vi.waitFor(async () =>
    expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain(nameOf(owner)),
  );
});

test("S13: records of an older shape are taken along, and a tab of the older version goes on beside", async () => {
  const owner = someone();
  const [one, two] = [quick.id(), quick.id()];
  const older = bareStore(owner, 1);
  await older.change(one, enqueue(started(one), null));
  const newer = bareStore(owner, 2);
  await newer.ready;
  expect([...newer.records.keys()]).toEqual([one]);
  expect(newer.device).toBe(older.device);
  expect(newer.lost).toBe(false);

  await older.change(two, enqueue(started(two), null));
  expect(older.storage).toBe("disk");
  await newer.close();
  await older.close();
  const later = bareStore(owner, 2);
  await later.ready;
  expect([...later.records].map(([id, { pending }]) => [id, pending.length])).toEqual([
    [one, 1],
    [two, 1],
  ]);
});

test("S13: storage cleared while its cookies stay is told as lost work of this device, not as a new device", async () => {
  const { owner, open } = away();
  const before = open();
  const { id } = before.device;
  await before.start(transfer).submit("recipient", recipient).stored;
  expect(before.lost).toBe(false);
  expect(document.cookie).not.toContain(owner);
  before.close();
  await vi.waitFor(async () => expect(await recordsOnDisk(owner)).toHaveLength(1));
  await result(indexedDB.deleteDatabase(nameOf(owner)));

  const after = open();
  await after.ready;
  expect(after).toMatchObject({ lost: true, device: { id: before.device.id } });
  expect(id).toBe(after.device.id);
  const next = open();
  await next.ready;
  expect(next.lost).toBe(true);
  next.dismissLost();
  expect(next.lost).toBe(false);
  const last = open();
  await last.ready;
  expect(last.lost).toBe(false);
});

test("a device whose work the server has loses nothing with its storage, and signing out leaves no mark", async () => {
  const { server, owner, open } = away();
  server.faults.away = false;
  const before = open();
  await before.start(transfer).submit("recipient", recipient);
  await vi.waitFor(() => expect(document.cookie).not.toContain("unsent"));
  before.close();
  await result(indexedDB.deleteDatabase(nameOf(owner)));
  const after = open();
  await after.ready;
  expect(after).toMatchObject({ lost: false, device: { id: before.device.id } });
  expect(document.cookie).toContain(before.device.id);
  await after.forget();
  expect(document.cookie).not.toContain(before.device.id);
});

test("the browser is asked to keep the storage at the first draft or submission, once", async () => {
  const persist = vi.spyOn(navigator.storage, "persist").mockResolvedValue(true);
  const sessions = away().open();
  const session = sessions.start(transfer);
  await sessions.ready;
  await vi.waitFor(async () => expect(session.state.sync.state).toBe("offline"));
  expect(persist).not.toHaveBeenCalled();
  await session.draft("recipient", { name: "A" }).stored;
  await session.submit("recipient", recipient).stored;
  expect(persist).toHaveBeenCalledTimes(1);
});

test("a session that is opened at once is shown before all that is kept has been read", async () => {
  const { open } = away();
  const before = open();
  const [kept, other] = [before.start(transfer), before.start(transfer)];
  await Promise.all([kept, other].map((session) => session.submit("recipient", recipient).stored));
  before.close();

  const happened: string[] = [];
  const { getAll } = IDBObjectStore.prototype;
  vi.spyOn(IDBObjectStore.prototype, "getAll").mockImplementation(function (this: IDBObjectStore) {
    const request = getAll.call(this);
    request.addEventListener("success", () => happened.push("all read"));
    return request;
  });
  const sessions = open();
  const session = sessions.open(transfer, kept.id);
  session.subscribe(() => happened.push(session.state.status));
  await sessions.ready;
  expect(happened.slice(0, 2)).toEqual(["active", "all read"]);
  expect(session.state.data).toEqual({ recipient });
  expect(sessions.list(transfer).state.active).toHaveLength(2);
});
