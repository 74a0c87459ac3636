import { expect, test, vi } from "vitest";
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
