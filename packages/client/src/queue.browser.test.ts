import { seenBy, type Command, type Device, type Refusal } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { elsewhere, openTab, quick, someone } from "./testing/devices.ts";
import { ScriptedServer } from "./testing/scripted-server.ts";
import { recipient, transfer } from "./testing/transfer.ts";

function device(owner = someone()) {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner });
  return { server, sessions, session: sessions.start(transfer) };
}

/** Another device submits a step on what the server has. */
function submitElsewhere(
  server: ScriptedServer,
  session: string,
  step: "recipient" | "amount",
  input: object,
  by: Device = elsewhere(),
) {
  const seen = seenBy(transfer, server.snapshot(session), step);
  const command = { kind: "submit", id: quick.id(), session, version: 1, step, input, seen } as Command;
  expect(server.take(by, command)[0]).toMatchObject({ outcome: "accepted" });
  return command.id;
}

const kindsOf = (server: ScriptedServer) => server.pushes.flatMap(({ commands }) => commands.map(({ kind }) => kind));

test("what was done offline drains in order once there is a connection", async () => {
  const { server, session } = device();
  server.faults.away = true;
  const first = session.submit("recipient", recipient);
  const second = session.submit("amount", { cents: 1 });
  const third = session.submit("amount", { cents: 2 });
  await third.stored;
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "offline", pending: 4 }));
  expect(session.state.data).toEqual({ recipient, amount: { cents: 2 } });

  server.faults.away = false;
  expect(await Promise.all([first, second, third])).toEqual(
    [2, 3, 4].map((revision) => ({ outcome: "accepted", revision })),
  );
  expect(kindsOf(server)).toEqual(["start", "submit", "submit", "submit"]);
  expect(session.state).toMatchObject({ revision: 4, data: { recipient, amount: { cents: 2 } } });
});

test("S2: a reply lost after the commit settles as accepted on the retry, under the same id", async () => {
  const { server, session } = device();
  await vi.waitFor(() => expect(session.state.revision).toBe(1));
  server.faults.dropReplies = 1;
  const submission = session.submit("recipient", recipient);
  expect(await submission).toEqual({ outcome: "accepted", revision: 2 });
  const ids = server.pushes.flatMap(({ commands }) => commands.map(({ id }) => id));
  expect(ids.slice(1)).toEqual([submission.id, submission.id]);
  expect(server.snapshot(session.id).revision).toBe(2);
});

test("S3: a conflict is shelved with base, mine and theirs, and can be retried on what is seen now", async () => {
  const { server, session } = device();
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 1 });
  server.faults.away = true;
  server.breakStreams();
  const mine = session.submit("amount", { cents: 2 });
  await mine.stored;
  submitElsewhere(server, session.id, "amount", { cents: 3 });

  server.faults.away = false;
  expect(await mine).toMatchObject({ outcome: "refused", refusal: { code: "conflict", changed: ["amount"] } });
  expect(session.state).toMatchObject({ data: { amount: { cents: 3 } }, sync: { state: "conflict", pending: 0 } });
  const [shelved] = session.state.shelved;
  expect(shelved).toMatchObject({
    id: mine.id,
    kind: "submit",
    step: "amount",
    base: { cents: 1 },
    mine: { cents: 2 },
    theirs: { cents: 3 },
  });
  // Theirs stands; a form full of mine would hide it.
  expect(session.state.drafts).toEqual({});

  const retried = shelved!.retry();
  expect(shelved!.retry()).toBe(retried);
  expect(await retried).toEqual({ outcome: "accepted", revision: 5 });
  expect(session.state).toMatchObject({ data: { amount: { cents: 2 } }, shelved: [], sync: { state: "saved" } });
});

test("S4: a discarded change leaves the server's value and nothing shelved, after a reload too", async () => {
  const owner = someone();
  const { server, sessions, session } = device(owner);
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
  await reopened.state.shelved[0]!.discard();
  expect(reopened.state).toMatchObject({ shelved: [], data: { recipient: { name: "Cleo" } } });
  expect(reopened.state.sync.state).not.toBe("conflict");
});

test("S4: a refused submission whose value already stands is superseded by the command that put it there", async () => {
  const { server, session } = device();
  await session.submit("recipient", recipient);
  server.faults.away = true;
  server.breakStreams();
  const mine = session.submit("amount", { cents: 2 });
  await mine.stored;
  const by = submitElsewhere(server, session.id, "amount", { cents: 2 });
  server.faults.away = false;
  expect(await mine).toEqual({ outcome: "superseded", by });
  expect(session.state).toMatchObject({ shelved: [], sync: { state: "saved" } });
});

test("S4: two offline submissions of one step that lost are one conflict, with the first one's base", async () => {
  const { server, session } = device();
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 1 });
  server.faults.away = true;
  server.breakStreams();
  const second = session.submit("amount", { cents: 2 });
  const third = session.submit("amount", { cents: 3 });
  await third.stored;
  submitElsewhere(server, session.id, "amount", { cents: 9 });
  server.faults.away = false;
  expect(await second).toEqual({ outcome: "superseded", by: third.id });
  expect(await third).toMatchObject({ outcome: "refused", refusal: { code: "conflict" } });
  expect(session.state.shelved).toMatchObject([{ base: { cents: 1 }, mine: { cents: 3 }, theirs: { cents: 9 } }]);
});

test("S4: what the application rejects is shelved, and the form keeps the input", async () => {
  const { server, session } = device();
  await session.submit("recipient", recipient);
  server.faults.refuse = ({ kind }) =>
    kind === "submit" ? { code: "rejected", step: "amount", reason: "Above the daily ceiling." } : undefined;
  const refused = await session.submit("amount", { cents: 99, reference: "rent" });
  expect(refused).toMatchObject({ outcome: "refused", refusal: { code: "rejected" } });
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

  expect(await submission).toEqual({ outcome: "refused", refusal: full });
  expect(await draft.settled).toMatchObject({ outcome: "refused" });
  expect(session.state.status).toBe("missing");
  expect(session.state.shelved.map(({ kind }) => kind)).toEqual(["start", "submit", "draft"]);
  expect(session.state.sync).toMatchObject({ state: "conflict", pending: 0 });

  server.faults.refuse = () => undefined;
  expect(await session.state.shelved[0]!.retry()).toEqual({ outcome: "accepted", revision: 1 });
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  expect(session.state).toMatchObject({
    status: "active",
    data: { recipient },
    drafts: { amount: { cents: 4 } },
    shelved: [],
  });
});

test("S12: what needs another version of the flow stays pending, with everything queued behind it", async () => {
  const { server, session } = device();
  await vi.waitFor(() => expect(session.state.revision).toBe(1));
  server.faults.refuse = ({ version }) => ({ code: "outdated", given: version, current: 2 });
  await session.submit("recipient", recipient).stored;
  await session.submit("amount", { cents: 1 }).stored;
  await vi.waitFor(() => expect(session.state.sync).toEqual({ state: "outdated", pending: 2, storage: "disk" }));
  expect(session.state).toMatchObject({ data: { recipient, amount: { cents: 1 } }, shelved: [] });
});

test("what the rules refuse settles at once, and the form keeps it as a draft", async () => {
  const { server, session } = device();
  await vi.waitFor(() => expect(session.state.revision).toBe(1));
  const pushes = server.pushes.length;
  expect(await session.submit("amount", { cents: 1 })).toMatchObject({ refusal: { code: "step_unreachable" } });
  const invalid = { name: "", iban: "BE1" };
  expect(await session.submit("recipient", invalid)).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(session.state.drafts).toEqual({ recipient: invalid, amount: { cents: 1 } });
  // Nothing was queued: what reaches the server are drafts.
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  expect(new Set(kindsOf(server).slice(pushes))).toEqual(new Set(["draft"]));
});

test("drafts are coalesced: a person who types is one push after the pause", async () => {
  const { server, session } = device();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  const pushes = server.pushes.length;
  for (const name of ["A", "Ad", "Ada"]) session.draft("recipient", { name });
  const last = session.draft("recipient", { iban: "BE" });
  expect(session.state.drafts.recipient).toEqual({ name: "Ada", iban: "BE" });
  expect(await last.settled).toMatchObject({ outcome: "accepted" });
  expect(server.pushes.length - pushes).toBe(1);
  expect(server.snapshot(session.id).drafts["recipient"]).toMatchObject({
    name: { value: "Ada" },
    iban: { value: "BE" },
  });
});

test("a submission does not take along what is still being typed in another step", async () => {
  const { server, session } = device();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  const pushes = server.pushes.length;
  const draft = session.draft("amount", { cents: 1 });
  await session.submit("recipient", recipient);
  expect(kindsOf(server).slice(pushes)).toEqual(["submit"]);
  await draft.settled;
  expect(kindsOf(server).slice(pushes)).toEqual(["submit", "draft"]);
});

test("a page that is hidden sends its drafts at once", async () => {
  const { server, session } = device();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  const pause = vi.spyOn(quick, "after").mockReturnValue(() => {});
  await session.draft("recipient", { name: "Ada" }).stored;
  vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  document.dispatchEvent(new Event("visibilitychange"));
  await vi.waitFor(() => expect(server.snapshot(session.id).drafts["recipient"]).toBeDefined());
  expect(pause).toHaveBeenCalled();
});

test("a draft typed while its session was completed elsewhere is shelved, not lost", async () => {
  const { server, session } = device();
  await session.submit("recipient", recipient);
  server.faults.away = true;
  server.breakStreams();
  await session.draft("amount", { cents: 4 }).stored;
  expect(server.take(elsewhere(), { kind: "cancel", id: quick.id(), session: session.id, version: 1 })).toMatchObject([
    { outcome: "accepted" },
  ]);
  server.faults.away = false;
  await vi.waitFor(() => expect(session.state.status).toBe("cancelled"));
  await vi.waitFor(() =>
    expect(session.state.shelved).toMatchObject([{ kind: "draft", step: "amount", mine: { cents: 4 } }]),
  );
});

test("cancelling ends the session and lets go of what is typed", async () => {
  const { session } = device();
  await session.draft("recipient", { name: "A" }).stored;
  expect(await session.cancel()).toEqual({ outcome: "accepted", revision: expect.any(Number) });
  expect(session.state).toMatchObject({ status: "cancelled", drafts: {}, shelved: [], sync: { pending: 0 } });
  expect(await session.submit("recipient", recipient)).toMatchObject({ refusal: { code: "ended" } });
});

test("a busy server is asked again, and nothing is shelved", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  let busy = true;
  server.faults.refuse = ({ kind }) => {
    if (kind !== "submit" || !busy) return undefined;
    busy = false;
    return { code: "busy", retryAfterMs: 20 };
  };
  const session = sessions.start(transfer);
  expect(await session.submit("recipient", recipient)).toMatchObject({ outcome: "accepted" });
  expect(session.state.shelved).toEqual([]);
});
