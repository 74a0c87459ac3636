import { expect, test, vi } from "vitest";
import { recipient, transfer } from "../testing/transfer.ts";
import { away, deafConnection, nameOf, recordsOnDisk, result } from "../testing/disk.ts";

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
  // The one that failed, and the two of another attempt.
  expect(get).toHaveBeenCalledTimes(3);
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
    // The page gets an `abort` event, although the transaction completes.
    this.dispatchEvent(new Event("abort"));
    commit.call(this);
  });
  await session.submit("recipient", recipient).stored;
  expect(session.state.sync).toMatchObject({ pending: 2, storage: "disk" });
  expect(await recordsOnDisk(owner)).toMatchObject([{ pending: [{}, {}] }]);
});

test("S9: nothing is written into a database that another tab has emptied at a sign-out and cannot delete yet", async () => {
  const { owner, open } = away();
  const sessions = open();
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient).stored;
  // As a sleeping tab, it hears nothing and delays the deletion.
  const sleeping = await deafConnection(owner);
  const records = sleeping.transaction("records", "readwrite").objectStore("records");
  records.clear();
  await result(records.put("", "device"));
  await session.draft("amount", { cents: 1 }).stored;
  expect(await result(sleeping.transaction("records").objectStore("records").getAll())).toEqual([""]);
});
