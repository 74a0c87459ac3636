import { expect, test, vi } from "vitest";
import { openTab, someone } from "./testing/devices.ts";
import { ScriptedServer } from "./testing/scripted-server.ts";
import { recipient, transfer } from "./testing/transfer.ts";

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
