import { seenBy, type Json } from "@sessions/core/internal";
import { expect, test, vi } from "vitest";
import { cancel, start, submit } from "../../../core/src/testing/commands.ts";
import { elsewhere, openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { deployed, first, opened, saved, second, shown } from "../testing/order-versions.ts";

test("S12, S2: what a page of an earlier version queued and typed is lifted by the next, and applied once", async () => {
  const before = new ScriptedServer([first]);
  const owner = someone();
  const page = openTab(before, { owner, flows: [first] });
  const old = page.start(first);
  await saved(old);
  // It takes effect, and is the last that the server says nothing of.
  before.faults.dropReplies = 1;
  before.faults.refuse = () => void (before.faults.away = true);
  void old.submit("payee", { name: "Grace" });
  await vi.waitFor(() => expect(before.snapshot(old.id).revision).toBe(2));
  await old.submit("address", { street: "Elm" }).stored;
  await old.draft("amount", { euros: 7 }).stored;
  page.close();

  const server = deployed(second, before);
  server.faults.away = true;
  const next = openTab(server, { owner, flows: [second] });
  await next.ready;
  const session = next.open(second, old.id);
  // Lifted at once, offline too.
  expect(session.state).toMatchObject({
    version: 2,
    data: { recipient: { fullName: "Grace" }, address: { street: "Elm" } },
    drafts: { amount: { cents: 700 } },
    progress: { current: "amount" },
    sync: { pending: 3 },
  });

  server.faults.away = false;
  next.open(second, old.id);
  await saved(session);
  expect(server.snapshot(old.id)).toMatchObject({
    version: 2,
    revision: 4,
    data: { recipient: { fullName: "Grace" }, address: { street: "Elm" } },
    drafts: { amount: { cents: { value: 700 } } },
  });
  expect(session.state.shelved).toEqual([]);
  expect(await session.submit("amount", { cents: 701 })).toMatchObject({ status: "accepted" });
});

test("S12, S4: a queued submission that the next version does not take is shelved and offered again in its words", async () => {
  const before = new ScriptedServer([first]);
  const owner = someone();
  const page = openTab(before, { owner, flows: [first] });
  const old = page.start(first);
  await saved(old);
  before.faults.away = true;
  await old.submit("payee", { name: "X" }).stored;
  page.close();

  const next = openTab(deployed(second, before), { owner, flows: [second] });
  const session = next.open(second, old.id);
  await vi.waitFor(() => expect(session.state.shelved).toHaveLength(1));
  expect(session.state.shelved[0]).toMatchObject({
    kind: "submit",
    step: "recipient",
    mine: { fullName: "X" },
    refusal: { code: "invalid_input", step: "recipient" },
  });
  expect(session.state.drafts).toEqual({ recipient: { fullName: "X" } });
});

test("S12: a session that no migration lifts is kept on the device as it is, and said to be outdated", async () => {
  const before = new ScriptedServer([first]);
  const owner = someone();
  const page = openTab(before, { owner, flows: [first] });
  const old = page.start(first);
  await old.submit("payee", { name: "Grace" });
  before.faults.away = true;
  await old.draft("amount", { euros: 7 }).stored;
  page.close();

  const stranded = { ...second, migrate: {} };
  const server = deployed(stranded, before);
  const broken = openTab(server, { owner, flows: [stranded] });
  const session = opened(broken, stranded, old.id);
  await vi.waitFor(() => expect(session.state.sync.state).toBe("outdated"));
  expect(shown(session)).toMatchObject({ data: {}, drafts: {} });
  await session.draft("address", { zip: "1000" } satisfies Record<string, Json>).stored;
  broken.close();
  expect(before.snapshot(old.id)).toMatchObject({ version: 1, data: { payee: { name: "Grace" } } });

  // The migration is written, and both pages' work is there.
  const mended = openTab(deployed(second, before), { owner, flows: [second] });
  const lifted = mended.open(second, old.id);
  await saved(lifted);
  expect(lifted.state).toMatchObject({
    data: { recipient: { fullName: "Grace" } },
    drafts: { amount: { cents: 700 }, address: { zip: "1000" } },
  });
});

test("S12: an ended session of an earlier version is shown in today's words, or by its end alone", async () => {
  const before = new ScriptedServer([first]);
  const device = elsewhere();
  const id = quick.id();
  before.take(device, start(id, "order"));
  const seen = seenBy(first, before.snapshot(id), "payee");
  before.take(device, submit(id, "payee", { name: "Grace" }, { seen }), cancel(id));

  const page = openTab(deployed(second, before), { owner: someone(), flows: [second] });
  const session = page.open(second, id);
  await vi.waitFor(() => expect(session.state.status).toBe("cancelled"));
  expect(session.state).toMatchObject({ data: { recipient: { fullName: "Grace" } }, sync: { state: "saved" } });

  const stranded = { ...second, migrate: {} };
  const other = openTab(deployed(stranded, before), { owner: someone(), flows: [stranded] });
  const unread = opened(other, stranded, id);
  await vi.waitFor(() => expect(unread.state.status).toBe("cancelled"));
  expect(shown(unread)).toMatchObject({ data: {}, endedAt: session.state.endedAt, sync: { state: "saved" } });
});
