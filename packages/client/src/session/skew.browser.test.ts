import { defineFlow, seenBy, step, type AnyFlow, type Command, type Json } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import type { Session } from "./session.ts";
import type { Sessions } from "../sessions.ts";
import { elsewhere, openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";

const address = step({ input: z.object({ street: z.string(), zip: z.string().optional() }) });
const accepted = z.object({ accepted: z.literal(true) });
const first = defineFlow({
  name: "order",
  version: 1,
  steps: {
    payee: step({ input: z.object({ name: z.string() }) }),
    address,
    amount: step({ input: z.object({ euros: z.int() }) }),
    place: step({ input: accepted, confirm: true }),
  },
});
const second = defineFlow({
  name: "order",
  version: 2,
  steps: {
    recipient: step({ input: z.object({ fullName: z.string().min(3) }) }),
    address,
    amount: step({ input: z.object({ cents: z.int() }) }),
    place: step({ input: accepted, confirm: true }),
  },
  migrate: {
    1: {
      payee: { to: "recipient", fields: ({ name }) => ({ fullName: name }) },
      amount: ({ euros }) => ({ cents: typeof euros === "number" ? euros * 100 : euros }),
    },
  },
});

/** A flow that no deploy changes. */
const note = defineFlow({ name: "note", version: 1, steps: { address } });

/** What any version shows: two versions' types have little in common. */
const shown = (session: Pick<Session, "state">) => session.state as unknown as Record<string, unknown>;
const opened = (sessions: Sessions, flow: AnyFlow, id: string) => sessions.open(flow, id);

/** The same database served by another version of the server. */
function deployed(flow: AnyFlow, before: ScriptedServer): ScriptedServer {
  const server = new ScriptedServer([flow, note]);
  for (const [id, stored] of before.sessions) server.sessions.set(id, stored);
  return server;
}

const saved = (session: { readonly state: { readonly status: string; readonly sync: object } }) =>
  vi.waitFor(() => {
    expect(session.state).toMatchObject({ status: "active", sync: { state: "saved", pending: 0 } });
  });

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
  expect(await session.submit("amount", { cents: 701 })).toMatchObject({ outcome: "accepted" });
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
  expect(await again.receipt({ session: session.id, command: submission.id })).toMatchObject({ outcome: "accepted" });
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
  const starting: Command = { kind: "start", id: quick.id(), session: id, version: 2, flow: "order" };
  server.take(device, starting);
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
  const command = { kind: "submit", id: quick.id(), session: session.id, version: 2, step: "recipient", input, seen };
  server.take(elsewhere(), command as Command);
  expect(await session.submit("recipient", { fullName: "Ada" })).toMatchObject({ refusal: { code: "conflict" } });
  // Written behind what was shelved.
  await session.draft("address", { street: "Elm" }).stored;

  const reported = vi.spyOn(globalThis, "queueMicrotask");
  const old = opened(openTab(server, { owner, flows: [first] }), first, session.id);
  await vi.waitFor(() => expect(old.state).toMatchObject({ shelved: [{ step: "recipient" }] }));
  for (const [run] of reported.mock.calls) expect(run).not.toThrow();
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
  const of = (rest: object) => ({ id: quick.id(), session: id, version: 1, ...rest }) as Command;
  before.take(device, of({ kind: "start", flow: "order" }));
  const seen = seenBy(first, before.snapshot(id), "payee");
  before.take(device, of({ kind: "submit", step: "payee", input: { name: "Grace" }, seen }), of({ kind: "cancel" }));

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
