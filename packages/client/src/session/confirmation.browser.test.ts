import { defineFlow, seenBy, step, type Command } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { elsewhere, openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

/** A session of which only the irreversible step is left. */
async function nearlyDone() {
  const server = new ScriptedServer([transfer]);
  // Fifteen seconds of patience pass in no time.
  const clock = { aheadMs: 0 };
  const hasty = {
    ...quick,
    now: () => quick.now() + clock.aheadMs,
    after(ms: number, run: () => void) {
      if (ms > 1_000) return quick.after(ms, run);
      clock.aheadMs += 1_000;
      return quick.after(0, run);
    },
  };
  const owner = someone();
  const sessions = openTab(server, { owner }, hasty);
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 5 });
  const { length } = server.pushes;
  return {
    server,
    owner,
    sessions,
    session,
    pushed: () => server.pushes.slice(length).flatMap(({ commands }) => commands),
  };
}

test("an irreversible step completes the session while the person waits", async () => {
  const { session } = await nearlyDone();
  const submission = session.submit("review", { accepted: true });
  expect(session.state.sync).toMatchObject({ state: "saving", pending: 1 });
  expect(session.state.status).toBe("active");
  expect(await submission).toEqual({ outcome: "accepted", revision: 4 });
  expect(session.state).toMatchObject({ status: "completed", sync: { state: "saved", pending: 0 } });
});

test("an irreversible step is refused while anything is pending, offline, or asked for twice", async () => {
  const { server, session, pushed } = await nearlyDone();
  const first = session.submit("review", { accepted: true });
  expect(await session.submit("review", { accepted: true })).toEqual({
    outcome: "refused",
    refusal: { code: "unsettled", pending: 1 },
  });
  expect(await first).toMatchObject({ outcome: "accepted" });
  expect(pushed()).toHaveLength(1);

  const { server: other, session: offline, pushed: nothing } = await nearlyDone();
  const changed = offline.submit("amount", { cents: 6 });
  expect(await offline.submit("review", { accepted: true })).toEqual({
    outcome: "refused",
    refusal: { code: "unsettled", pending: 1 },
  });
  await changed;
  other.faults.away = true;
  other.breakStreams();
  expect(await offline.submit("review", { accepted: true })).toEqual({
    outcome: "refused",
    refusal: { code: "unsettled", pending: 0 },
  });
  expect(nothing().map(({ kind }) => kind)).toEqual(["submit"]);
  expect(server.snapshot(session.id).status).toBe("completed");
});

test("S2: an irreversible step whose reply was lost is sent again under the same id, and happens once", async () => {
  const { server, session, pushed } = await nearlyDone();
  server.faults.dropReplies = 2;
  const submission = session.submit("review", { accepted: true });
  expect(await submission).toEqual({ outcome: "accepted", revision: 4 });
  expect(pushed().map(({ id }) => id)).toEqual(Array(3).fill(submission.id));
  expect(server.snapshot(session.id)).toMatchObject({ status: "completed", revision: 4 });
});

test("S2: when no reply comes at all the receipt tells that it happened", async () => {
  const { server, session } = await nearlyDone();
  server.faults.dropReplies = Infinity;
  const submission = session.submit("review", { accepted: true });
  expect(await submission).toEqual({ outcome: "accepted", revision: 4 });
  expect(session.state.status).toBe("completed");
});

test("S2: without an answer it is not known until the server says, after a reload too, and nothing is sent or queued meanwhile", async () => {
  const { server, owner, sessions, session, pushed } = await nearlyDone();
  const unknown = { status: "active", provisional: false, confirming: "review", shelved: [], sync: { pending: 1 } };
  const refusal = { outcome: "refused", refusal: { code: "unsettled", pending: 1 } };
  server.faults.away = true;
  const submission = session.submit("review", { accepted: true });
  expect(await submission).toEqual({ outcome: "refused", refusal: { code: "unconfirmed" } });
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
  expect(await reloaded.draft("recipient", { name: "Bob" }).settled).toMatchObject({ outcome: "accepted" });
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
    expect(await session.submit("review", { accepted: true })).toMatchObject({ refusal: { code: "unconfirmed" } });
    expect(await session.cancel()).toMatchObject({ refusal: { code: "unsettled" } });
    expect(session.state).toMatchObject({ status: "active", provisional: false, confirming: "review" });

    Object.assign(server.faults, { away: false, dropReplies: 0, beforePush: () => Promise.resolve() });
    asked.mockRestore();
    const status = happened ? "completed" : "active";
    await vi.waitFor(() => expect(session.state).toMatchObject({ status, confirming: null }));
    if (happened) continue;
    expect(pushed()).toEqual([]);
    expect(await session.submit("review", { accepted: true })).toMatchObject({ outcome: "accepted" });
  }
});

test("S2: a page that comes back while an irreversible step is unanswered asks for its receipt, and sends nothing", async () => {
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

test("S2: what never reached the server is unconfirmed after a reload, and can be sent anew", async () => {
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
  expect(await reopened.submit("review", { accepted: true })).toMatchObject({ outcome: "accepted" });
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

test("S3: an irreversible step is refused when what it depends on changed since the person looked", async () => {
  const { server, session } = await nearlyDone();
  const { promise: changed, resolve: change } = Promise.withResolvers<void>();
  server.faults.beforePush = () => changed;
  const submission = session.submit("review", { accepted: true });
  const seen = seenBy(transfer, server.snapshot(session.id), "amount");
  const command: Command = {
    kind: "submit",
    id: quick.id(),
    session: session.id,
    version: 1,
    step: "amount",
    input: { cents: 500 },
    seen,
  };
  server.take(elsewhere(), command);
  change();
  expect(await submission).toMatchObject({ outcome: "refused", refusal: { code: "conflict", changed: ["amount"] } });
  expect(session.state).toMatchObject({ status: "active", data: { amount: { cents: 500 } }, shelved: [] });
});

test("an irreversible step is sent when only the stream is broken", async () => {
  const { server, session } = await nearlyDone();
  server.faults.streamsAway = true;
  server.breakStreams();
  expect(await session.submit("review", { accepted: true })).toEqual({ outcome: "accepted", revision: 4 });
  expect(session.state.status).toBe("completed");
});

test("S2: nothing contradicts an irreversible step while it is unanswered, in another tab and after a reload too", async () => {
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

  const refusal = { outcome: "refused", refusal: { code: "unsettled", pending: 1 } };
  const reloaded = openTab(server, { owner });
  await reloaded.ready;
  for (const { state, cancel, submit, draft } of [session, beside, reloaded.open(transfer, session.id)]) {
    expect(await cancel()).toEqual(refusal);
    expect(await submit("recipient", { ...recipient, name: "Eve" })).toEqual(refusal);
    expect(await submit("review", { accepted: true })).toEqual(refusal);
    const [refused] = state.shelved;
    expect(refused).toMatchObject({ conflict: false, step: "amount" });
    expect(await (refused as { retry(): PromiseLike<unknown> }).retry()).toEqual(refusal);
    expect(await draft("amount", { reference: "typing goes on" }).refused).toBeNull();
    expect(state).toMatchObject({ status: "active", provisional: false });
  }
  // What was refused is still in its form, and on the shelf.
  expect(session.state.drafts).toMatchObject({ recipient: { name: "Eve" }, amount: { reference: "typing goes on" } });
  expect(session.state.shelved).toHaveLength(1);
  take();
  expect(await submission).toMatchObject({ outcome: "accepted" });
  expect(server.snapshot(session.id).status).toBe("completed");
  sessions.close();
});

test("S2: of a confirmation and a cancellation in two tabs at once one is taken", async () => {
  const { server, owner, session } = await nearlyDone();
  const other = openTab(server, { owner });
  await other.ready;
  const beside = other.open(transfer, session.id);
  const [confirmed, cancelled] = [session.submit("review", { accepted: true }), beside.cancel()];
  const outcomes = [(await confirmed).outcome, (await cancelled).outcome];
  expect(outcomes.toSorted()).toEqual(["accepted", "refused"]);
  const status = outcomes[0] === "accepted" ? "completed" : "cancelled";
  await vi.waitFor(() => expect(beside.state).toMatchObject({ status, provisional: false, shelved: [] }));
  expect(server.snapshot(session.id).status).toBe(status);
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
  expect(await submission).toMatchObject({ outcome: "accepted" });
  expect(session.state).toMatchObject({ data: { pay: { note: "a", tip: 1 } }, drafts: { pay: { note: "ab" } } });
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  expect(session.state.drafts).toEqual({ pay: { note: "ab" } });
});
