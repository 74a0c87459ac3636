import { defineFlow, seenBy, step, type Refusal } from "@sessions/core/internal";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { submit } from "../../../core/src/testing/commands.ts";
import { beginTransfer, submitElsewhere, submitRefusedAmount } from "../testing/begun-transfer.ts";
import { elsewhere, openTab, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

test("S3: a conflict is shelved with base, mine and theirs, and can be retried on what is seen now", async () => {
  const { server, session } = beginTransfer();
  const id = await submitRefusedAmount(server, session);
  expect(session.state).toMatchObject({ data: { amount: { cents: 3 } }, sync: { state: "attention", pending: 0 } });
  const [shelved] = session.state.shelved;
  expect(shelved).toMatchObject({
    id,
    kind: "submit",
    step: "amount",
    base: { cents: 1 },
    mine: { cents: 2 },
    theirs: { cents: 3 },
  });
  // Theirs stands; a form full of mine would hide it.
  expect(session.state.drafts).toEqual({});

  if (shelved!.type !== "conflict") throw new Error("A conflict is told as one.");
  expect(shelved!.fields).toEqual({ cents: { base: 1, mine: 2, theirs: 3 } });
  const retried = shelved!.keepMine();
  expect(shelved!.keepMine()).toBe(retried);
  expect(await retried).toEqual({ status: "accepted", revision: 5 });
  expect(session.state).toMatchObject({ data: { amount: { cents: 2 } }, shelved: [], sync: { state: "saved" } });
});

test("S3: a conflict is decided field by field: what is merged of both is submitted over what stands", async () => {
  const { server, session } = beginTransfer();
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 1, reference: "rent" });
  server.faults.away = true;
  server.breakStreams();
  const mine = session.submit("amount", { cents: 2, reference: "rent for May" });
  await mine.stored;
  submitElsewhere(server, session.id, "amount", { cents: 3, reference: "rent" });
  server.faults.away = false;
  await mine;

  const [conflict] = session.state.shelved;
  if (conflict?.type !== "conflict" || conflict.step !== "amount" || conflict.kind !== "submit")
    throw new Error("No conflict.");
  expect(conflict.fields).toEqual({
    cents: { base: 1, mine: 2, theirs: 3 },
    reference: { base: "rent", mine: "rent for May", theirs: "rent" },
  });
  expect(await conflict.merge({ cents: 0 })).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(session.state.shelved).toHaveLength(1);
  expect(await conflict.merge({ cents: 3, reference: "rent for May" })).toMatchObject({ status: "accepted" });
  expect(session.state).toMatchObject({ data: { amount: { cents: 3, reference: "rent for May" } }, shelved: [] });
});

test("S3: a field that the schema makes the same of is not in conflict", async () => {
  const trimming = defineFlow({
    name: "trimming",
    version: 1,
    steps: {
      recipient: step({ input: z.object({ name: z.string().trim(), iban: z.string().trim() }) }),
      last: step({ input: z.object({}) }),
    },
  });
  const server = new ScriptedServer([trimming]);
  const sessions = openTab(server, { owner: someone(), flows: [trimming] });
  const session = sessions.start(trimming);
  await session.submit("recipient", { name: "Ada", iban: "BE" });
  server.faults.away = true;
  server.breakStreams();
  const mine = session.submit("recipient", { name: "Bob", iban: " BE " });
  await mine.stored;
  const seen = seenBy(trimming, server.snapshot(session.id), "recipient");
  const input = { name: "Cleo", iban: "BE" };
  const theirs = submit(session.id, "recipient", input, { seen });
  expect(server.take(elsewhere(), theirs)).toMatchObject([{ status: "accepted" }]);
  server.faults.away = false;
  await mine;
  expect(session.state.shelved).toMatchObject([{ fields: { name: { base: "Ada", mine: "Bob", theirs: "Cleo" } } }]);
  expect(Object.keys((session.state.shelved[0] as { fields: object }).fields)).toEqual(["name"]);
});

test("S4: a discarded change leaves the server's value and nothing shelved, after a reload too", async () => {
  const owner = someone();
  const { server, sessions, session } = beginTransfer(owner);
  await session.submit("recipient", recipient);
  server.faults.away = true;
  server.breakStreams();
  const mine = session.submit("recipient", { ...recipient, name: "Bob" });
  await mine.stored;
  submitElsewhere(server, session.id, "recipient", { ...recipient, name: "Cleo" });
  server.faults.away = false;
  await mine;
  sessions.close();

  const again = openTab(server, { owner });
  await again.ready;
  const reopened = again.open(transfer, session.id);
  expect(reopened.state.shelved).toMatchObject([{ mine: { name: "Bob" }, theirs: { name: "Cleo" } }]);
  const [conflict] = reopened.state.shelved;
  if (conflict?.type !== "conflict") throw new Error("A conflict is told as one.");
  await conflict.takeTheirs();
  expect(reopened.state).toMatchObject({ shelved: [], data: { recipient: { name: "Cleo" } } });
  expect(reopened.state.sync.state).not.toBe("attention");
});

test("S4: a refused submission whose value already stands is superseded by the command that put it there", async () => {
  const { server, session } = beginTransfer();
  await session.submit("recipient", recipient);
  server.faults.away = true;
  server.breakStreams();
  const mine = session.submit("amount", { cents: 2 });
  await mine.stored;
  const by = submitElsewhere(server, session.id, "amount", { cents: 2 });
  server.faults.away = false;
  expect(await mine).toEqual({ status: "superseded", by });
  expect(session.state).toMatchObject({ shelved: [], sync: { state: "saved" } });
});

test("S4: two offline submissions of one step that lost are one conflict, with the first one's base", async () => {
  const { server, session } = beginTransfer();
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 1 });
  server.faults.away = true;
  server.breakStreams();
  const second = session.submit("amount", { cents: 2 });
  const third = session.submit("amount", { cents: 3 });
  await third.stored;
  submitElsewhere(server, session.id, "amount", { cents: 9 });
  server.faults.away = false;
  expect(await second).toEqual({ status: "superseded", by: third.id });
  expect(await third).toMatchObject({ status: "refused", refusal: { code: "conflict" } });
  expect(session.state.shelved).toMatchObject([{ base: { cents: 1 }, mine: { cents: 3 }, theirs: { cents: 9 } }]);
});

test("S4: what the application rejects is shelved, and the form keeps the input", async () => {
  const { server, session } = beginTransfer();
  await session.submit("recipient", recipient);
  server.faults.refuse = ({ kind }) =>
    kind === "submit" ? { code: "rejected", step: "amount", reason: "Above the daily ceiling." } : undefined;
  const refused = await session.submit("amount", { cents: 99, reference: "rent" });
  expect(refused).toMatchObject({ status: "refused", refusal: { code: "rejected" } });
  expect(session.state.data).toEqual({ recipient });
  expect(session.state.drafts.amount).toEqual({ cents: 99, reference: "rent" });
  expect(session.state.shelved).toMatchObject([{ mine: { cents: 99, reference: "rent" }, theirs: null }]);
});

test("S4: after a refused start everything that needed it is shelved, and retrying the start brings it all", async () => {
  const server = new ScriptedServer([transfer]);
  const full: Refusal = { code: "limit_reached", limit: "open_sessions", atMost: 5, resetsAt: null };
  server.faults.refuse = ({ kind }) => (kind === "start" ? full : undefined);
  server.faults.away = true;
  const session = openTab(server, { owner: someone() }).start(transfer);
  const submission = session.submit("recipient", recipient);
  const draft = session.draft("amount", { cents: 4 });
  await draft.stored;
  server.faults.away = false;

  expect(await submission).toEqual({ status: "refused", refusal: full });
  expect(await draft.settled).toMatchObject({ status: "refused" });
  expect(session.state.status).toBe("missing");
  expect(session.state.shelved.map(({ kind }) => kind)).toEqual(["start", "submit", "draft"]);
  expect(session.state.sync).toMatchObject({ state: "attention", pending: 0 });

  server.faults.refuse = () => undefined;
  const [start] = session.state.shelved;
  if (start?.type !== "refused") throw new Error("A limit is no conflict.");
  expect(await start.retry()).toEqual({ status: "accepted", revision: 1 });
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  expect(session.state).toMatchObject({
    status: "active",
    data: { recipient },
    drafts: { amount: { cents: 4 } },
    shelved: [],
  });
});

test("a conflict in which nothing differs any more is none", async () => {
  const { server, session } = beginTransfer();
  await session.submit("recipient", recipient);
  await session.draft("amount", { cents: 4 }).settled;
  submitElsewhere(server, session.id, "amount", { cents: 3 });
  await vi.waitFor(() => expect(session.state.sync.state).toBe("attention"));
  submitElsewhere(server, session.id, "amount", { cents: 4 });
  await vi.waitFor(() => expect(session.state).toMatchObject({ shelved: [], sync: { state: "saved" } }));

  server.faults.away = true;
  server.breakStreams();
  const submission = session.submit("recipient", { ...recipient, name: "Bob" });
  await submission.stored;
  submitElsewhere(server, session.id, "recipient", { ...recipient, name: "Eve" });
  server.faults.away = false;
  expect(await submission).toMatchObject({ refusal: { code: "conflict" } });
  submitElsewhere(server, session.id, "recipient", { ...recipient, name: "Bob" });
  await vi.waitFor(() => expect(session.state).toMatchObject({ shelved: [], sync: { state: "saved" } }));
});

test("S4: what is typed after the start was refused is shelved with it", async () => {
  const { server, session } = beginTransfer();
  server.faults.refuse = ({ kind }) => (kind === "start" ? { code: "failed" } : undefined);
  await session.draft("recipient", { name: "before" }).stored;
  await vi.waitFor(() => expect(session.state.shelved.length).toBeGreaterThan(0));
  await session.draft("recipient", { iban: "after" }).stored;
  await vi.waitFor(() => {
    const drafts = session.state.shelved.flatMap(({ kind, mine }) => (kind === "draft" ? [mine] : []));
    expect(Object.assign({}, ...drafts)).toEqual({ name: "before", iban: "after" });
  });
});
