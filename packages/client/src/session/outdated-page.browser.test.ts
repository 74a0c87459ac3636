import { seenBy } from "@sessions/core/internal";
import { expect, test, vi } from "vitest";
import { start, submit } from "../../../core/src/testing/commands.ts";
import { elsewhere, openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { deployed, first, note, opened, saved, second } from "../testing/order-versions.ts";

test("S12: a page of an earlier version keeps its screen and its work while a newer server answers, and the next page finds both", async () => {
  const before = new ScriptedServer([first]);
  const server = deployed(second, before);
  const owner = someone();
  const page = openTab(server, { owner, flows: [first, note] });
  // Started here, and taken by a server that has been deployed meanwhile.
  const old = page.start(first);
  void old.submit("payee", { name: "Grace" });
  await vi.waitFor(() => expect(old.state.sync.state).toBe("outdated"));
  await old.draft("amount", { euros: 7 }).stored;
  await old.submit("address", { street: "Elm" }).stored;
  // Another session is sent, at a moment at which everything would be.
  dispatchEvent(new Event("online"));
  await saved(page.start(note));
  const sent = server.pushes.flatMap(({ commands }) => commands).filter(({ session }) => session === old.id);
  expect(sent.map(({ id }) => id)).toEqual([...new Set(sent.map(({ id }) => id))]);
  expect(sent.map(({ kind }) => kind)).not.toContain("draft");
  expect(old.state).toMatchObject({
    status: "active",
    version: 1,
    data: { payee: { name: "Grace" }, address: { street: "Elm" } },
    drafts: { amount: { euros: 7 } },
    sync: { state: "outdated", pending: 4 },
  });
  page.close();

  const next = openTab(server, { owner, flows: [second] });
  const session = next.open(second, old.id);
  await saved(session);
  expect(session.state).toMatchObject({
    version: 2,
    data: { recipient: { fullName: "Grace" }, address: { street: "Elm" } },
    drafts: { amount: { cents: 700 } },
    shelved: [],
  });
  const submissions = Object.values(server.snapshot(old.id).submissions);
  expect(submissions).toHaveLength(2);
});

test("S12: a page of a newer version before an old server says so, keeps everything, and sends it once the server is deployed", async () => {
  const before = new ScriptedServer([first]);
  const owner = someone();
  const page = openTab(before, { owner, flows: [second] });
  const session = page.start(second);
  const submission = session.submit("recipient", { fullName: "Grace" });
  await session.draft("amount", { cents: 5 }).stored;
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "outdated", pending: 3 }));
  expect(before.sessions.size).toBe(0);
  page.close();

  const again = openTab(deployed(second, before), { owner, flows: [second] });
  const reopened = again.open(second, session.id);
  await saved(reopened);
  expect(await again.receipt({ session: session.id, command: submission.id })).toMatchObject({ status: "accepted" });
  expect(reopened.state).toMatchObject({
    data: { recipient: { fullName: "Grace" } },
    drafts: { amount: { cents: 5 } },
  });
});

test("S12: a session that another device took to a newer version is not shown in the wrong words, and not written", async () => {
  const before = new ScriptedServer([first]);
  const server = deployed(second, before);
  const page = openTab(server, { owner: someone(), flows: [first] });
  const old = page.start(first);
  await vi.waitFor(() => expect(old.state.sync.state).toBe("outdated"));
  const there = server.snapshot(old.id);
  expect(there.version).toBe(2);

  // A page that has never seen it.
  const stranger = openTab(server, { owner: someone(), flows: [first] });
  const unseen = stranger.open(first, old.id);
  await vi.waitFor(() => expect(unseen.state.sync.state).toBe("outdated"));
  expect(unseen.state).toMatchObject({ status: "active", version: 2, data: {}, drafts: {} });
  expect(await unseen.submit("payee", { name: "Bob" })).toMatchObject({ refusal: { code: "outdated" } });
  expect(server.snapshot(old.id)).toEqual(there);
});

test("S12: two tabs of one browser, an old and a new one: what is typed in the old one reaches the server through the new", async () => {
  const server = new ScriptedServer([second]);
  const device = elsewhere();
  const owner = someone();
  const id = quick.id();
  server.take(device, start(id, "order", { version: 2 }));
  const oldTab = openTab(server, { owner, flows: [first] });
  const old = oldTab.open(first, id);
  await vi.waitFor(() => expect(old.state.sync.state).toBe("outdated"));
  const newTab = openTab(server, { owner, flows: [second] });
  const session = newTab.open(second, id);
  await vi.waitFor(() => expect(session.state.status).toBe("active"));

  await old.draft("amount", { euros: 7 }).stored;
  // It is in the form still, for the next keystroke.
  expect(old.state.drafts).toEqual({ amount: { euros: 7 } });
  const late = old.submit("payee", { name: "Grace" });
  expect(await late).toMatchObject({ refusal: { code: "outdated" } });
  await vi.waitFor(() =>
    expect(session.state.drafts).toEqual({ amount: { cents: 700 }, recipient: { fullName: "Grace" } }),
  );
  // Something to send in the tab that can.
  await session.draft("address", { street: "Elm" }).stored;
  await saved(session);
  expect(server.snapshot(id).drafts).toMatchObject({
    amount: { cents: { value: 700 } },
    recipient: { fullName: { value: "Grace" } },
  });
});

test("S12: what is shelved in a step that only the newer version has holds up no old page of the browser", async () => {
  const server = new ScriptedServer([second]);
  const owner = someone();
  const page = openTab(server, { owner, flows: [second] });
  const session = page.start(second);
  await session.draft("amount", { cents: 1 }).settled;
  server.faults.streamsAway = true;
  server.breakStreams();
  const input = { fullName: "Grace" };
  const seen = seenBy(second, server.snapshot(session.id), "recipient");
  server.take(elsewhere(), submit(session.id, "recipient", input, { version: 2, seen }));
  expect(await session.submit("recipient", { fullName: "Ada" })).toMatchObject({ refusal: { code: "conflict" } });
  // Written behind what was shelved.
  await session.draft("address", { street: "Elm" }).stored;

  const reported = vi.spyOn(globalThis, "queueMicrotask");
  const old = opened(openTab(server, { owner, flows: [first] }), first, session.id);
  await vi.waitFor(() => expect(old.state).toMatchObject({ shelved: [{ step: "recipient" }] }));
  for (const [run] of reported.mock.calls) expect(run).not.toThrow();
});
