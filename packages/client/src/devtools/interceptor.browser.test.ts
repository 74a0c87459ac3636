import { beforeEach, expect, test, vi } from "vitest";
import { page } from "vitest/browser";
import { openTab, quick } from "../testing/devices.ts";
import { recipient, transfer } from "../testing/transfer.ts";
import { facts, lines, opened, panel, press, said, until } from "./testing/panel.ts";

beforeEach(() => page.viewport(1280, 800));

test("S4: offline at the press of a button nothing gets through, what is under way included; online again all is sent", async () => {
  const { server, sessions } = opened();
  const session = sessions.start(transfer);
  await until(() => expect(session.state).toMatchObject({ revision: 1, sync: { state: "saved" } }));
  await press("Go offline");
  await until(() => expect(facts()).toMatchObject({ Server: "offline, by the devtools" }));
  expect(said()).toBe("Offline: nothing is sent or heard.");
  await until(() => expect(session.state.sync.state).toBe("offline"));
  expect(server.streams).toBe(0);
  const pushes = server.pushes.length;
  await session.submit("recipient", recipient).stored;
  await until(() => expect(lines("Queue")[0]).toContain("submit recipient | waiting"));
  await expect(sessions.receipt({ session: session.id, command: quick.id() })).rejects.toThrow(
    "Offline by the devtools.",
  );
  expect(server.pushes).toHaveLength(pushes);

  await press("Go online");
  await until(() => expect(session.state).toMatchObject({ revision: 2, sync: { state: "saved" } }));
  await until(() => expect(lines("Queue")[0]).toContain("submit recipient | accepted, revision 2"));
  expect(server.streams).toBe(1);

  const gate = Promise.withResolvers<void>();
  server.faults.beforePush = () => gate.promise;
  void session.submit("amount", { cents: 5 });
  await until(() => expect(lines("Queue")[0]).toContain("submit amount | sending"));
  await press("Go offline");
  server.faults.beforePush = () => Promise.resolve();
  gate.resolve();
  await until(() => expect(server.snapshot(session.id).revision).toBe(3));
  expect(session.state).toMatchObject({ revision: 2, sync: { pending: 1 } });
  await press("Go online");
  await until(() => expect(session.state).toMatchObject({ revision: 3, sync: { state: "saved" } }));
});

test("S2: the reply to one push is dropped after it took effect, and the command is sent again, to no other effect", async () => {
  const { server, sessions } = opened();
  const session = sessions.start(transfer);
  await until(() => expect(session.state.sync.state).toBe("saved"));
  await press("Drop the next reply");
  const drop = panel.getByRole("button", { name: "Drop the next reply", pressed: true });
  await expect.element(drop).toBeVisible();
  const pushes = server.pushes.length;

  expect(await session.submit("recipient", recipient)).toEqual({ status: "accepted", revision: 2 });
  expect(server.snapshot(session.id).revision).toBe(2);
  const [first, second, ...more] = server.pushes.slice(pushes).map(({ commands }) => commands.map(({ id }) => id));
  expect(second).toEqual(first);
  expect(more).toEqual([]);
  await expect.element(drop).not.toBeInTheDocument();
});

test("S13: an evicted store is written again from what the page knows", async () => {
  const { owner, server, sessions } = opened();
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient);
  const deleted = vi.spyOn(indexedDB, "deleteDatabase");
  await press("Evict the store");
  await until(() => expect(said()).toMatch(/^The store was deleted/));
  expect(deleted).toHaveBeenCalledExactlyOnceWith(`sessions:${owner}::1`);

  sessions.close();
  server.faults.away = true;
  const again = openTab(server, { owner });
  await again.ready;
  await until(() => expect(again.open(transfer, session.id).state.data).toEqual({ recipient }));
});
