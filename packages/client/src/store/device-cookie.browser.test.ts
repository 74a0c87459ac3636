import { expect, test, vi } from "vitest";
import type { SessionsClient } from "../sessions.ts";
import type { ScriptedServer } from "../testing/scripted-server.ts";
import { submitRefusedAmount } from "../testing/begun-transfer.ts";
import { recipient, transfer } from "../testing/transfer.ts";
import { away, nameOf, recordsOnDisk, result } from "../testing/disk.ts";

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

test("S13: a refused change that waits for the person counts as lost too when the browser deletes it", async () => {
  const { server, owner, open } = away();
  server.faults.away = false;
  const before = open();
  await submitRefusedAmount(server, before.start(transfer));
  await vi.waitFor(async () => expect(await recordsOnDisk(owner)).toMatchObject([{ pending: [], shelved: [{}] }]));
  before.close();
  await result(indexedDB.deleteDatabase(nameOf(owner)));
  const after = open();
  await after.ready;
  expect(after.lost).toBe(true);
});

/** A page whose disk refuses until the returned function is called. */
async function openWithoutDisk(open: () => SessionsClient) {
  const refused = vi.spyOn(IDBFactory.prototype, "open").mockImplementation(() => {
    throw new DOMException("Refused.", "UnknownError");
  });
  const page = open();
  await page.ready;
  return { page, mend: () => refused.mockRestore() };
}

async function lostIn(page: SessionsClient): Promise<boolean> {
  await page.ready;
  return page.lost;
}

async function submitPending(server: ScriptedServer, page: SessionsClient): Promise<void> {
  server.faults.away = true;
  await page.start(transfer).submit("recipient", recipient).stored;
}

test.each([
  ["a pending change", submitPending],
  [
    "a refused change",
    (server: ScriptedServer, page: SessionsClient) => submitRefusedAmount(server, page.start(transfer)),
  ],
])(
  "S13: a page without a disk does not know that nothing is on it: %s that is deleted later counts as lost",
  async (_, leave) => {
    const { server, owner, open } = away();
    server.faults.away = false;
    const before = open();
    await leave(server, before);
    await vi.waitFor(async () => expect(await recordsOnDisk(owner)).not.toMatchObject([{ pending: [], shelved: [] }]));
    before.close();

    server.faults.away = false;
    const { page, mend } = await openWithoutDisk(open);
    // It saves something of its own, and has nothing left that is unsent.
    expect(await page.start(transfer).submit("recipient", recipient)).toMatchObject({ status: "accepted" });
    page.close();
    mend();
    await result(indexedDB.deleteDatabase(nameOf(owner)));
    expect(await lostIn(open())).toBe(true);
  },
);

test("S13: a page without a disk tells the loss when the disk works again and is empty", async () => {
  const { server, owner, open } = away();
  const before = open();
  await submitPending(server, before);
  before.close();
  await vi.waitFor(async () => expect(await recordsOnDisk(owner)).toHaveLength(1));
  const { page, mend } = await openWithoutDisk(open);
  await result(indexedDB.deleteDatabase(nameOf(owner)));
  expect(page.lost).toBe(false);

  mend();
  await page.start(transfer).submit("recipient", recipient).stored;
  await vi.waitFor(() => expect(page.lost).toBe(true));
  page.dismissLost();
  // Its own work is on the disk, with the device's id.
  page.close();
  const after = open();
  expect(await lostIn(after)).toBe(false);
  expect(after.device.id).toBe(before.device.id);
});

test("S13: a new device whose disk failed at first loses nothing when its page is loaded again", async () => {
  const { open } = away();
  const { page, mend } = await openWithoutDisk(open);
  mend();
  const session = page.start(transfer);
  await session.submit("recipient", recipient).stored;
  await vi.waitFor(() => expect(session.state.sync.storage).toBe("disk"));
  page.close();
  const after = open();
  expect(await lostIn(after)).toBe(false);
  expect(after.open(transfer, session.id).state.data).toEqual({ recipient });
});

test("S13: what one tab tells of lost work, or a person dismisses there, holds in every other tab", async () => {
  const { server, owner, open } = away();
  const before = open();
  await submitPending(server, before);
  before.close();
  await vi.waitFor(async () => expect(await recordsOnDisk(owner)).toHaveLength(1));
  // It has heard of no loss.
  const { page: other, mend } = await openWithoutDisk(open);
  await result(indexedDB.deleteDatabase(nameOf(owner)));
  mend();
  const page = open();
  expect(await lostIn(page)).toBe(true);
  const change = async () => {
    const session = other.start(transfer);
    await session.submit("recipient", recipient).stored;
    await vi.waitFor(() => expect(session.state.sync.storage).toBe("disk"));
  };
  await change();
  expect([page.lost, other.lost]).toEqual([true, true]);
  page.dismissLost();
  server.faults.away = false;
  await change();
  expect([page.lost, other.lost, await lostIn(open())]).toEqual([false, false, false]);
});

test("a device whose work the server has loses nothing with its storage, and signing out leaves no mark", async () => {
  const { server, owner, open } = away();
  server.faults.away = false;
  const before = open();
  await before.start(transfer).submit("recipient", recipient);
  const cookie = () => document.cookie.split("; ").find((each) => each.includes(before.device.id));
  await vi.waitFor(() => expect(cookie()).not.toContain("unsent"));
  before.close();
  await result(indexedDB.deleteDatabase(nameOf(owner)));
  const after = open();
  await after.ready;
  expect(after).toMatchObject({ lost: false, device: { id: before.device.id } });
  expect(document.cookie).toContain(before.device.id);
  await after.forget();
  expect(document.cookie).not.toContain(before.device.id);
});
