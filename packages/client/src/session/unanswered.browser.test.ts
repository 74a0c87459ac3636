import { defineFlow, step } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";
import { nearlyDone } from "../testing/transfer-before-review.ts";

test("S2: a confirm step whose reply was lost is sent again under the same id, and happens once", async () => {
  const { server, session, pushed } = await nearlyDone();
  server.faults.dropReplies = 2;
  const submission = session.submit("review", { accepted: true });
  expect(await submission).toEqual({ status: "accepted", revision: 4 });
  expect(pushed().map(({ id }) => id)).toEqual(Array(3).fill(submission.id));
  expect(server.snapshot(session.id)).toMatchObject({ status: "completed", revision: 4 });
});

test("S2: when no reply comes at all the receipt tells that it happened", async () => {
  const { server, session } = await nearlyDone();
  server.faults.dropReplies = Infinity;
  const submission = session.submit("review", { accepted: true });
  expect(await submission).toEqual({ status: "accepted", revision: 4 });
  expect(session.state.status).toBe("completed");
});

test("S2: without an answer it is not known until the server says, after a reload too, and nothing is sent or queued meanwhile", async () => {
  const { server, owner, sessions, session, pushed } = await nearlyDone();
  const unknown = { status: "active", provisional: false, confirming: "review", shelved: [], sync: { pending: 1 } };
  const refusal = { status: "refused", refusal: { code: "unsettled", pending: 1 } };
  server.faults.away = true;
  const submission = session.submit("review", { accepted: true });
  expect(await submission).toEqual({ status: "unknown" });
  sessions.close();

  const again = openTab(server, { owner });
  await again.ready;
  for (const one of [session, again.open(transfer, session.id)]) expect(one.state).toMatchObject(unknown);
  const reloaded = again.open(transfer, session.id);
  expect(await reloaded.cancel()).toEqual(refusal);
  expect(await reloaded.submit("review", { accepted: true })).toEqual(refusal);
  expect(await reloaded.submit("amount", { cents: 6 })).toEqual(refusal);
  expect(await reloaded.draft("recipient", { name: "Bob" }).refused).toBeNull();
  expect(reloaded.state).toMatchObject({ ...unknown, sync: { pending: 3 } });

  server.faults.away = false;
  dispatchEvent(new Event("online"));
  expect(await reloaded.draft("recipient", { name: "Bob" }).settled).toMatchObject({ status: "accepted" });
  expect(pushed().map(({ kind }) => kind)).not.toContain("submit");
  expect(await again.receipt({ session: session.id, command: submission.id })).toBeNull();
  // What was sent just now may still be under way.
  expect(reloaded.state.confirming).toBe("review");
});

test("S2: what nothing had answered is found out by the same page, and cancelled or sent again only then", async () => {
  for (const happened of [true, false]) {
    const { server, session, pushed } = await nearlyDone();
    const { receipt, changes } = server.transport;
    const unheard = () => Promise.reject(new Error("No answer."));
    const asked = vi.spyOn(receipt as { query: typeof receipt.query }, "query").mockImplementation(unheard);
    vi.spyOn(changes as { query: typeof changes.query }, "query").mockImplementation(unheard);
    server.faults.beforePush = () => {
      Object.assign(server.faults, happened ? { streamsAway: true, dropReplies: Infinity } : { away: true });
      return Promise.resolve(server.breakStreams());
    };
    expect(await session.submit("review", { accepted: true })).toEqual({ status: "unknown" });
    expect(await session.cancel()).toMatchObject({ refusal: { code: "unsettled" } });
    expect(session.state).toMatchObject({ status: "active", provisional: false, confirming: "review" });

    Object.assign(server.faults, { away: false, dropReplies: 0, beforePush: () => Promise.resolve() });
    asked.mockRestore();
    const status = happened ? "completed" : "active";
    await vi.waitFor(() => expect(session.state).toMatchObject({ status, confirming: null }));
    if (happened) continue;
    expect(pushed()).toEqual([]);
    expect(await session.submit("review", { accepted: true })).toMatchObject({ status: "accepted" });
  }
});

test("S2: a page that comes back while a confirm step is unanswered asks for its receipt, and sends nothing", async () => {
  const { server, owner, sessions, session, pushed } = await nearlyDone();
  const { promise: taken, resolve: take } = Promise.withResolvers<void>();
  server.faults.beforePush = () => taken;
  const submission = session.submit("review", { accepted: true });
  await submission.stored;
  sessions.close();

  const again = openTab(server, { owner });
  await again.ready;
  const reopened = again.open(transfer, session.id);
  expect(reopened.state).toMatchObject({
    status: "active",
    confirming: "review",
    sync: { state: "saving", pending: 1 },
  });
  expect(await reopened.submit("review", { accepted: true })).toMatchObject({ refusal: { code: "unsettled" } });
  server.faults.streamsAway = true;
  server.breakStreams();
  take();
  await vi.waitFor(() => expect(reopened.state).toMatchObject({ status: "completed", confirming: null }));
  expect(pushed().map(({ id }) => id)).toEqual([submission.id]);
});

test("S2: what never reached the server is not known after a reload, and can be sent anew", async () => {
  const { server, owner, sessions, session, pushed } = await nearlyDone();
  server.faults.beforePush = () => Promise.reject(new Error("No connection."));
  const gone = session.submit("review", { accepted: true });
  await gone.stored;
  sessions.close();

  const late = { ...quick, now: () => quick.now() + 60_000 };
  const again = openTab(server, { owner }, late);
  await again.ready;
  const reopened = again.open(transfer, session.id);
  expect(reopened.state.confirming).toBe("review");
  await vi.waitFor(() => expect(reopened.state.confirming).toBeNull());
  await gone;
  expect(pushed()).toEqual([]);
  server.faults.beforePush = () => Promise.resolve();
  expect(await reopened.submit("review", { accepted: true })).toMatchObject({ status: "accepted" });
});

test("S2: a page that shows a session before it has read what is kept asks for the receipt as soon as it has", async () => {
  const { server, owner, sessions, session } = await nearlyDone();
  server.faults.beforePush = () => Promise.reject(new Error("No connection."));
  const gone = session.submit("review", { accepted: true });
  await gone.stored;
  sessions.close();

  const again = openTab(server, { owner }, { ...quick, now: () => quick.now() + 60_000 });
  const reopened = again.open(transfer, session.id);
  await vi.waitFor(() => expect(reopened.state).toMatchObject({ status: "active", confirming: null }));
  await gone;
});

test("S2: nothing contradicts a confirm step while it is unanswered, in another tab and after a reload too", async () => {
  const { server, owner, sessions, session } = await nearlyDone();
  // Something to decide on, whose ways out would submit.
  server.faults.refuse = ({ kind }) => (kind === "submit" ? { code: "failed" } : undefined);
  await session.submit("amount", { cents: 6 });
  server.faults.refuse = () => undefined;
  await vi.waitFor(() => expect(session.state.sync.pending).toBe(0));
  const other = openTab(server, { owner });
  await other.ready;
  const beside = other.open(transfer, session.id);
  const { promise: taken, resolve: take } = Promise.withResolvers<void>();
  server.faults.beforePush = () => taken;
  const submission = session.submit("review", { accepted: true });
  await submission.stored;
  await vi.waitFor(() => expect(beside.state.confirming).toBe("review"));

  const refusal = { status: "refused", refusal: { code: "unsettled", pending: 1 } };
  const reloaded = openTab(server, { owner });
  await reloaded.ready;
  for (const { state, cancel, submit, draft } of [session, beside, reloaded.open(transfer, session.id)]) {
    expect(await cancel()).toEqual(refusal);
    expect(await submit("recipient", { ...recipient, name: "Eve" })).toEqual(refusal);
    expect(await submit("review", { accepted: true })).toEqual(refusal);
    const [refused] = state.shelved;
    expect(refused).toMatchObject({ type: "refused", step: "amount" });
    expect(await (refused as { retry(): PromiseLike<unknown> }).retry()).toEqual(refusal);
    expect(await draft("amount", { reference: "typing goes on" }).refused).toBeNull();
    expect(state).toMatchObject({ status: "active", provisional: false });
  }
  // What was refused is still in its form, and on the shelf.
  expect(session.state.drafts).toMatchObject({ recipient: { name: "Eve" }, amount: { reference: "typing goes on" } });
  expect(session.state.shelved).toHaveLength(1);
  take();
  expect(await submission).toMatchObject({ status: "accepted" });
  expect(server.snapshot(session.id).status).toBe("completed");
  sessions.close();
});

test("S4: what is typed in a step that confirms while it is unanswered stays, where the session goes on after it", async () => {
  const order = defineFlow({
    name: "order",
    version: 1,
    steps: {
      pay: step({ input: z.object({ note: z.string(), tip: z.int().optional() }), confirm: true }),
      thanks: step({ input: z.object({}) }),
    },
  });
  const server = new ScriptedServer([order]);
  const session = openTab(server, { owner: someone(), flows: [order] }).start(order);
  await session.draft("pay", { note: "a", tip: 1 }).settled;
  const { promise: taken, resolve: take } = Promise.withResolvers<void>();
  server.faults.beforePush = () => taken;
  const submission = session.submit("pay", { note: "a", tip: 1 });
  await submission.stored;
  await session.draft("pay", { note: "ab" }).stored;
  take();
  expect(await submission).toMatchObject({ status: "accepted" });
  expect(session.state).toMatchObject({ data: { pay: { note: "a", tip: 1 } }, drafts: { pay: { note: "ab" } } });
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  expect(session.state.drafts).toEqual({ pay: { note: "ab" } });
});
