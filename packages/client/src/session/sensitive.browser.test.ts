import { defineFlow, seenBy, step } from "@sessions/core/internal";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { submit } from "../../../core/src/testing/commands.ts";
import { elsewhere, openTab, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";

const payment = defineFlow({
  name: "payment",
  version: 1,
  steps: {
    amount: step({ input: z.object({ note: z.string() }) }),
    card: step({ input: z.object({ number: z.string().min(4) }), dependsOn: ["amount"], sensitive: true }),
    review: step({ input: z.object({ accepted: z.literal(true) }), confirm: true }),
  },
});

/** Everything that this page gives the browser to keep. */
function storedByBrowser() {
  const written: unknown[] = [];
  const put = IDBObjectStore.prototype.put;
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, value, key) {
    written.push(value);
    return put.call(this, value, key);
  });
  return () => JSON.stringify([written, Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]);
}

test("S11: what is typed and submitted in a sensitive step is never given to the browser to keep, whatever happens to it", async () => {
  const stored = storedByBrowser();
  const server = new ScriptedServer([payment]);
  const owner = someone();
  const session = openTab(server, { owner, flows: [payment] }).start(payment);
  await session.submit("amount", { note: "of-another-step" });

  // Its type forbids it.
  const draft = session.draft("card", { number: "SECRET-typed" } as never);
  await draft.stored;
  expect(await draft.settled).toMatchObject({ status: "refused", refusal: { code: "invalid_input", step: "card" } });
  expect(await session.submit("card", { number: "S!" })).toMatchObject({ refusal: { code: "invalid_input" } });

  server.faults.away = true;
  server.breakStreams();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("offline"));
  expect(await session.submit("card", { number: "SECRET-offline" })).toMatchObject({ refusal: { code: "offline" } });
  server.faults.away = false;
  server.faults.refuse = ({ kind }) =>
    kind === "submit" ? { code: "rejected", step: "card", reason: "No." } : undefined;
  expect(await session.submit("card", { number: "SECRET-rejected" })).toMatchObject({ refusal: { code: "rejected" } });
  server.faults.refuse = () => undefined;

  server.faults.dropReplies = 1;
  const submission = session.submit("card", { number: "SECRET-accepted" });
  await submission.stored;
  expect(session.state).toMatchObject({ confirming: "card", sync: { pending: 1 } });
  expect(await submission).toMatchObject({ status: "accepted", revision: 3 });
  expect(session.state).toMatchObject({
    data: { amount: { note: "of-another-step" }, card: null },
    progress: { current: "review" },
    drafts: {},
    shelved: [],
    sync: { pending: 0 },
  });

  // Another device enters it anew, which this one has not heard of.
  server.faults.streamsAway = true;
  server.breakStreams();
  const seen = seenBy(payment, server.snapshot(session.id), "card");
  server.take(elsewhere(), submit(session.id, "card", { number: "SECRET-elsewhere" }, { seen }));
  expect(await session.submit("card", { number: "SECRET-late" })).toMatchObject({
    status: "refused",
    refusal: { code: "conflict", theirs: null },
  });
  server.faults.streamsAway = false;

  const reloaded = openTab(server, { owner, flows: [payment] }).open(payment, session.id);
  await vi.waitFor(() => expect(reloaded.state).toMatchObject({ revision: 4, progress: { current: "review" } }));
  // What it depends on is changed: it is asked for again, and nothing of it is offered.
  await reloaded.submit("amount", { note: "changed" });
  expect(reloaded.state).toMatchObject({ progress: { current: "card" }, drafts: {} });
  expect(await reloaded.submit("card", { number: "SECRET-again" })).toMatchObject({ status: "accepted" });
  expect(await reloaded.submit("review", { accepted: true })).toMatchObject({ status: "accepted" });
  expect(reloaded.state).toMatchObject({ status: "completed", data: { card: null } });

  // Else nothing was looked at.
  expect(stored()).toContain("of-another-step");
  expect(stored()).not.toContain("SECRET");
  expect(JSON.stringify([session.state, reloaded.state])).not.toContain("SECRET");
});

/** Everything in this page's databases. */
async function onDisk(): Promise<string> {
  const found: unknown[] = [];
  for (const { name } of await indexedDB.databases()) {
    const opening = indexedDB.open(name!);
    await new Promise((resolve) => (opening.onsuccess = resolve));
    const reading = opening.result.transaction("records").objectStore("records").getAll();
    await new Promise((resolve) => (reading.onsuccess = resolve));
    found.push(reading.result);
    opening.result.close();
  }
  return JSON.stringify(found);
}

test("S11: what a device has kept of a step goes when a new version makes that step sensitive", async () => {
  const { amount, card, review } = payment.steps;
  const open = step({ input: card.input });
  const before = defineFlow({ name: "payment", version: 1, steps: { amount, card: open, pin: open, review } });
  const after = defineFlow({
    name: "payment",
    version: 2,
    steps: { amount, card, pin: step({ input: card.input, sensitive: true }), review },
    migrate: { 1: {} },
  });
  const owner = someone();
  const [old, next] = [new ScriptedServer([before]), new ScriptedServer([after])];
  const page = openTab(old, { owner, flows: [before] });
  const session = page.start(before);
  await session.submit("amount", { note: "of-another-step" });
  await session.submit("card", { number: "SECRET-submitted" });
  await session.draft("pin", { number: "SECRET-typed" }).settled;
  page.close();
  await vi.waitFor(async () => expect(await onDisk()).toContain("SECRET-submitted"));
  for (const [id, stored] of old.sessions) next.sessions.set(id, stored);

  const lifted = openTab(next, { owner, flows: [after] }).open(after, session.id);
  await vi.waitFor(() => expect(lifted.state).toMatchObject({ status: "active", data: { card: null }, drafts: {} }));
  await vi.waitFor(async () => expect(await onDisk()).not.toContain("SECRET"));
  expect(await onDisk()).toContain("of-another-step");

  // A page of the version before cannot read the session any more, and keeps nothing of it either.
  const outdated = openTab(next, { owner, flows: [payment] }).open(payment, session.id);
  await vi.waitFor(() => expect(outdated.state.sync.state).toBe("outdated"));
  await outdated.draft("card", { number: "SECRET-late" } as never).stored;
  expect(await onDisk()).not.toContain("SECRET");
});

test("S11: what was queued for a step that has become sensitive does not stay when it is refused", async () => {
  const { amount, card, review } = payment.steps;
  const before = defineFlow({
    name: "payment",
    version: 1,
    steps: { amount, card: step({ input: card.input }), review },
  });
  const after = defineFlow({ name: "payment", version: 2, steps: payment.steps, migrate: { 1: {} } });
  const owner = someone();
  const [old, next] = [new ScriptedServer([before]), new ScriptedServer([after])];
  const page = openTab(old, { owner, flows: [before] });
  const session = page.start(before);
  await session.submit("amount", { note: "of-another-step" });
  old.faults.away = true;
  await session.submit("card", { number: "SECRET-queued" }).stored;
  page.close();
  for (const [id, stored] of old.sessions) next.sessions.set(id, stored);
  next.faults.refuse = ({ kind }) =>
    kind === "submit" ? { code: "rejected", step: "card", reason: "No." } : undefined;

  const lifted = openTab(next, { owner, flows: [after] }).open(after, session.id);
  await vi.waitFor(() => expect(lifted.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  expect(lifted.state.shelved).toEqual([]);
  await vi.waitFor(async () => expect(await onDisk()).not.toContain("SECRET"));
});
