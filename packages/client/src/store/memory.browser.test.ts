import { expect, test, vi } from "vitest";
import { quick } from "../testing/devices.ts";
import { recipient, transfer } from "../testing/transfer.ts";
import { away, deafConnection, nameOf, patience, recordsOnDisk, result } from "../testing/disk.ts";

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
