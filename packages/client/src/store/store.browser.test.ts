import { expect, onTestFinished, test, vi } from "vitest";
import { start } from "../../../core/src/testing/commands.ts";
import { enqueue } from "../record/queue.ts";
import { createStore, type Store } from "./store.ts";
import { quick, someone } from "../testing/devices.ts";
import { recipient, transfer } from "../testing/transfer.ts";
import { away, nameOf } from "../testing/disk.ts";

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
  // A screen may render once more, and may open a session that it has not shown before.
  expect(second.open(transfer, quick.id()).state.status).toBe("missing");
  expect(first.list(transfer).state.active).toEqual([]);
  expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain(nameOf(owner));
});

// The tabs race.
const often = { repeats: 20 };

test(
  "S9: a tab that goes on writing while its owner is forgotten does not bring the database back",
  often,
  async () => {
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
  },
);

test("S13: records of an older shape are taken along, and a tab of the older version goes on beside", async () => {
  const owner = someone();
  const [one, two] = [quick.id(), quick.id()];
  const older = bareStore(owner, 1);
  await older.change(one, enqueue(start(one, "transfer"), null));
  const newer = bareStore(owner, 2);
  await newer.ready;
  expect([...newer.records.keys()]).toEqual([one]);
  expect(newer.device).toBe(older.device);
  expect(newer.lost).toBe(false);

  await older.change(two, enqueue(start(two, "transfer"), null));
  expect(older.storage()).toBe("disk");
  await newer.close();
  await older.close();
  const later = bareStore(owner, 2);
  await later.ready;
  expect([...later.records].map(([id, { pending }]) => [id, pending.length])).toEqual([
    [one, 1],
    [two, 1],
  ]);
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
  const [opened, other] = [before.start(transfer), before.start(transfer)];
  await Promise.all([opened, other].map((session) => session.submit("recipient", recipient).stored));
  before.close();

  const happened: string[] = [];
  const { getAll } = IDBObjectStore.prototype;
  vi.spyOn(IDBObjectStore.prototype, "getAll").mockImplementation(function (this: IDBObjectStore) {
    const request = getAll.call(this);
    request.addEventListener("success", () => happened.push("all read"));
    return request;
  });
  const sessions = open();
  const session = sessions.open(transfer, opened.id);
  session.subscribe(() => happened.push(session.state.status));
  await sessions.ready;
  expect(happened.slice(0, 2)).toEqual(["active", "all read"]);
  expect(session.state.data).toEqual({ recipient });
  expect(sessions.list(transfer).state.active).toHaveLength(2);
});
