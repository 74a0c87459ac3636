import { defineFlow, seenBy, step } from "@sessions/core/internal";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { submit } from "../../../core/src/testing/commands.ts";
import { elsewhere, openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { slowStore } from "../testing/slow-store.ts";
import { recipient, transfer } from "../testing/transfer.ts";

const letters = ["h", "he", "hel", "hell", "hello"];

test("S4: what is typed before the store is open is on the screen at once, and kept", async () => {
  const server = new ScriptedServer([transfer]);
  const openStore = slowStore();
  const sessions = openTab(server, { owner: someone() });
  const [session, other] = [sessions.start(transfer), sessions.start(transfer)];
  for (const name of letters) {
    session.draft("recipient", { name });
    expect(session.state).toMatchObject({
      status: "active",
      drafts: { recipient: { name } },
      sync: { state: "saving" },
    });
  }
  other.draft("recipient", { iban: "BE" });
  const submission = other.submit("recipient", recipient);
  other.draft("amount", { cents: "1" });
  expect(other.state).toMatchObject({ data: { recipient }, drafts: { amount: { cents: "1" } } });
  openStore();
  expect(await submission).toMatchObject({ status: "accepted" });
  await vi.waitFor(() =>
    expect(server.snapshot(session.id).drafts).toMatchObject({ recipient: { name: { value: "hello" } } }),
  );
  await vi.waitFor(() => expect(other.state.sync.pending).toBe(0));
  expect(other.state).toMatchObject({ drafts: { amount: { cents: "1" } }, data: { recipient } });
  expect(other.state.drafts.recipient).toBeUndefined();
  expect(session.state.drafts.recipient).toEqual({ name: "hello" });
});

test("S4: what is typed while its session is read from the disk goes on top of what is there", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const before = openTab(server, { owner });
  const { id } = before.start(transfer);
  await before.open(transfer, id).draft("recipient", { name: "Ada", iban: "BE" }).settled;
  before.close();

  const openStore = slowStore();
  const session = openTab(server, { owner }).open(transfer, id);
  for (const name of letters) session.draft("recipient", { name });
  expect(session.state).toMatchObject({ status: "loading", drafts: { recipient: { name: "hello" } } });
  expect(session.state.sync).toMatchObject({ state: "saving", pending: 1 });
  openStore();
  await vi.waitFor(() => expect(session.state.status).toBe("active"));
  expect(session.state.drafts.recipient).toEqual({ name: "hello", iban: "BE" });
  await vi.waitFor(() => expect(server.snapshot(id).drafts["recipient"]).toMatchObject({ name: { value: "hello" } }));
});

test("S4: what is done while the server is asked for the session is taken in its order", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const { id } = openTab(server, { owner, profile: "phone" }).start(transfer);
  await vi.waitFor(() => expect(server.sessions.has(id)).toBe(true));
  server.faults.away = true;
  const session = openTab(server, { owner, profile: "laptop" }).open(transfer, id);
  const input = { ...recipient };
  session.draft("recipient", { name: "A" });
  const submission = session.submit("recipient", input);
  // As it was when it was submitted.
  input.name = "Eve";
  session.draft("amount", { cents: "2" });
  expect(session.state).toMatchObject({ drafts: { recipient: { name: "A" }, amount: { cents: "2" } } });
  expect(session.state.sync.pending).toBe(3);
  server.faults.away = false;
  expect(await submission).toMatchObject({ status: "accepted" });
  expect(session.state).toMatchObject({ data: { recipient }, drafts: { amount: { cents: "2" } } });
  expect(session.state.drafts.recipient).toBeUndefined();
});

test("S9: what is typed in a session that turns out to be missing, or another flow's, is refused and goes from the screen", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const other = defineFlow({
    name: "note",
    version: 1,
    steps: { recipient: step({ input: z.object({ name: z.string() }) }) },
  });
  const sessions = openTab(server, { owner, flows: [transfer, other] });
  const { id } = sessions.start(transfer);
  const fromThem = openTab(server, { owner, flows: [transfer, other] });
  const [missing, another] = [sessions.open(transfer, quick.id()), fromThem.open(other, id)];
  const drafts = [missing.draft("recipient", { name: "hello" }), another.draft("recipient", { name: "hello" })];
  for (const { state } of [missing, another]) {
    expect(state).toMatchObject({ status: "loading", drafts: { recipient: { name: "hello" } } });
  }
  for (const draft of drafts) expect(await draft.refused).toEqual({ code: "not_found" });
  for (const { state } of [missing, another]) {
    expect(state).toMatchObject({ status: "missing", drafts: {}, sync: { pending: 0 } });
  }
});

test("S4: a page asks before it is left with what was typed in a session that is not known yet", async () => {
  const server = new ScriptedServer([transfer]);
  server.faults.away = true;
  const sessions = openTab(server, { owner: someone() });
  const stop = sessions.guardUnload();
  const leave = () => {
    const event = new Event("beforeunload", { cancelable: true });
    dispatchEvent(event);
    return event.defaultPrevented;
  };
  await sessions.ready;
  const session = sessions.open(transfer, quick.id());
  expect(leave()).toBe(false);
  session.draft("recipient", { name: "A" });
  expect(leave()).toBe(true);
  stop();
});

test("S4: what is typed before the device's id was read is this device's all the same", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const before = openTab(server, { owner });
  await before.ready;
  const { id } = before.device;
  before.close();
  const openStore = slowStore();
  const sessions = openTab(server, { owner });
  const session = sessions.start(transfer);
  const draft = session.draft("recipient", { name: "Mine" });
  expect(session.state.drafts.recipient).toEqual({ name: "Mine" });
  openStore();
  await draft.settled;
  expect(sessions.device.id).toBe(id);
  expect(server.snapshot(session.id).drafts["recipient"]!["name"]!.at).toContain(id);
  const seen = seenBy(transfer, server.snapshot(session.id), "recipient");
  server.take(elsewhere(), submit(session.id, "recipient", recipient, { seen }));
  await vi.waitFor(() => expect(session.state.shelved).toMatchObject([{ kind: "draft", mine: { name: "Mine" } }]));
});
