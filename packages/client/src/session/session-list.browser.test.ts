import { defineFlow, step } from "@sessions/core";
import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import { expect, test, vi } from "vitest";
import { cancel, start } from "../../../core/src/testing/commands.ts";
import { elsewhere, openTab, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

test("a list has the newest first, and a session ended elsewhere moves without a reload", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const phone = openTab(server, { owner, profile: "phone" });
  const laptop = openTab(server, { owner, profile: "laptop" });
  const list = laptop.list(transfer);
  const first = phone.start(transfer);
  await first.submit("recipient", recipient);
  const second = phone.start(transfer);
  const ids = () => list.state.active.map(({ id }) => id);
  await vi.waitFor(() => expect(ids()).toEqual([second.id, first.id]));

  await first.cancel();
  await vi.waitFor(() =>
    expect(list.state.ended.map(({ id, status }) => [id, status])).toEqual([[first.id, "cancelled"]]),
  );
  expect(ids()).toEqual([second.id]);
});

test("a list starts offline with what is on this device", async () => {
  const server = new ScriptedServer([transfer]);
  server.faults.away = true;
  const owner = someone();
  const before = openTab(server, { owner });
  const session = before.start(transfer);
  await session.submit("recipient", recipient).stored;
  before.close();

  const list = openTab(server, { owner }).list(transfer);
  await vi.waitFor(() =>
    expect(list.state.active).toMatchObject([{ id: session.id, data: { recipient }, revision: 0 }]),
  );
  // There may be more, which only the server knows.
  expect(list.state.loading).toBe(true);
  server.faults.away = false;
  await vi.waitFor(() => expect(list.state.loading).toBe(false));
});

test("a list that could not be had is asked for again, though the stream is well", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  await openTab(server, { owner, profile: "phone" }).start(transfer).cancel();
  let lost = 3;
  const { query } = server.transport.list;
  const list = {
    query: (...given: Parameters<typeof query>) =>
      lost-- > 0 ? Promise.reject(new Error("The reply was lost.")) : query(...given),
  };
  const laptop = openTab(server, { owner, profile: "laptop", transport: { ...server.transport, list } });
  await vi.waitFor(() => expect(laptop.list(transfer).state.ended).toMatchObject([{ status: "cancelled" }]));
});

test("ended sessions come by the page, and each state is one object until it changes", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const phone = openTab(server, { owner, profile: "phone" });
  for (let count = 0; count < 25; count += 1) phone.start(transfer).cancel();
  await vi.waitFor(() =>
    expect([...server.sessions.values()].filter(({ snapshot }) => snapshot.endedAt)).toHaveLength(25),
  );

  const list = openTab(server, { owner, profile: "laptop" }).list(transfer);
  await vi.waitFor(() => expect(list.state).toMatchObject({ loading: false, more: true }));
  expect(list.state.ended).toHaveLength(20);
  const [newest] = list.state.ended;
  await list.loadMore();
  expect(list.state).toMatchObject({ loading: false, more: false });
  expect(list.state.ended).toHaveLength(25);
  expect(list.state.ended[0]).toBe(newest);
});

test("sessions that ended elsewhere while this device was away can all be reached", async () => {
  const server = new ScriptedServer([transfer]);
  const list = openTab(server, { owner: someone() }).list(transfer);
  await vi.waitFor(() => expect(list.state).toMatchObject({ loading: false, more: false }));

  server.faults.away = true;
  server.breakStreams();
  const device = elsewhere();
  for (let count = 0; count < 30; count += 1) {
    const session = uuidv7();
    server.take(device, start(session, transfer.name), cancel(session));
  }
  server.faults.away = false;
  await vi.waitFor(() => expect(list.state.ended.length).toBeGreaterThanOrEqual(20), 10_000);
  while (list.state.more) await list.loadMore();
  expect(list.state.ended).toHaveLength(30);
});

test("a session opened as one of another flow is missing, and stays what it is in its own", async () => {
  const other = defineFlow({ name: "other", version: 1, steps: { only: step({ input: z.object({}) }) } });
  const server = new ScriptedServer([transfer, other]);
  const sessions = openTab(server, { owner: someone(), flows: [transfer, other] });
  const mine = sessions.start(other);
  await vi.waitFor(() => expect(mine.state.revision).toBe(1));
  expect(sessions.open(transfer, mine.id).state).toMatchObject({ flow: "transfer", status: "missing" });
  expect(sessions.open(other, mine.id)).toBe(mine);
});

test("the ended ones come behind more active ones than a page holds", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const phone = openTab(server, { owner, profile: "phone" });
  await phone.start(transfer).cancel();
  for (let index = 0; index < 45; index += 1) phone.start(transfer);
  await vi.waitFor(() => expect(server.sessions.size).toBe(46));
  const list = openTab(server, { owner, profile: "laptop" }).list(transfer);
  await vi.waitFor(() => expect(list.state).toMatchObject({ ended: [{ status: "cancelled" }], more: false }));
  expect(list.state.active).toHaveLength(45);
});
