import { defineFlow, seenBy, step, type Command, type Device, type Refusal } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { elsewhere, openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

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

/** Another flow with a step of the same name. */
const visit = defineFlow({
  name: "visit",
  version: 1,
  steps: { recipient: step({ input: z.object({ name: z.string() }) }) },
});

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

test("S2: what took effect in a session for which the reply had no room is sent again, and the screen does not go back", async () => {
  const { server, sessions, session } = device();
  const other = sessions.start(transfer);
  await vi.waitFor(() => expect([session, other].map(({ state }) => state.revision)).toEqual([1, 1]));
  server.faults.away = true;
  const submissions = [session, other].map((each) => each.submit("recipient", recipient));
  other.draft("amount", { cents: 5 });
  const seen: (string | undefined)[] = [];
  other.subscribe(() => seen.push(JSON.stringify(other.state.data.recipient)));
  await Promise.all(submissions.map(({ stored }) => stored));
  server.faults.room = 1;
  server.faults.away = false;
  server.faults.streamsAway = true;
  server.breakStreams();
  expect(await Promise.all(submissions)).toEqual([2, 2].map((revision) => ({ outcome: "accepted", revision })));
  expect(new Set(seen)).toEqual(new Set([JSON.stringify(recipient)]));
  await vi.waitFor(() => expect(other.state.sync.state).toBe("saved"));
  expect(other.state).toMatchObject({ revision: 3, data: { recipient } });
  const sent = server.pushes.flatMap(({ commands }) => commands.map(({ id }) => id));
  expect(sent.filter((id) => submissions.some((each) => each.id === id)).length).toBe(3);
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

  if (!shelved!.conflict) throw new Error("A conflict is told as one.");
  expect(shelved!.fields).toEqual({ cents: { base: 1, mine: 2, theirs: 3 } });
  const retried = shelved!.keepMine();
  expect(shelved!.keepMine()).toBe(retried);
  expect(await retried).toEqual({ outcome: "accepted", revision: 5 });
  expect(session.state).toMatchObject({ data: { amount: { cents: 2 } }, shelved: [], sync: { state: "saved" } });
});

test("S3: a conflict is decided field by field: what is merged of both is submitted over what stands", async () => {
  const { server, session } = device();
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
  if (!conflict?.conflict || conflict.step !== "amount" || conflict.kind !== "submit") throw new Error("No conflict.");
  expect(conflict.fields).toEqual({
    cents: { base: 1, mine: 2, theirs: 3 },
    reference: { base: "rent", mine: "rent for May", theirs: "rent" },
  });
  expect(await conflict.merge({ cents: 0 })).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(session.state.shelved).toHaveLength(1);
  expect(await conflict.merge({ cents: 3, reference: "rent for May" })).toMatchObject({ outcome: "accepted" });
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
  const theirs = {
    kind: "submit",
    id: quick.id(),
    session: session.id,
    version: 1,
    step: "recipient",
    input,
    seen,
  } as const;
  expect(server.take(elsewhere(), theirs)).toMatchObject([{ outcome: "accepted" }]);
  server.faults.away = false;
  await mine;
  expect(session.state.shelved).toMatchObject([{ fields: { name: { base: "Ada", mine: "Bob", theirs: "Cleo" } } }]);
  expect(Object.keys((session.state.shelved[0] as { fields: object }).fields)).toEqual(["name"]);
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
  const [conflict] = reopened.state.shelved;
  if (!conflict?.conflict) throw new Error("A conflict is told as one.");
  await conflict.takeTheirs();
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
  const [start] = session.state.shelved;
  if (start?.conflict !== false) throw new Error("A limit is no conflict.");
  expect(await start.retry()).toEqual({ outcome: "accepted", revision: 1 });
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

test("S4: a draft typed while its session was cancelled elsewhere is shelved, in a step that confirms too", async () => {
  const { server, session } = device();
  await session.submit("recipient", recipient);
  server.faults.away = true;
  server.breakStreams();
  await session.draft("amount", { cents: 4 }).stored;
  await session.draft("review", { accepted: false }).stored;
  expect(server.take(elsewhere(), { kind: "cancel", id: quick.id(), session: session.id, version: 1 })).toMatchObject([
    { outcome: "accepted" },
  ]);
  server.faults.away = false;
  await vi.waitFor(() => expect(session.state.status).toBe("cancelled"));
  await vi.waitFor(() =>
    expect(session.state.shelved).toMatchObject([
      { kind: "draft", step: "amount", mine: { cents: 4 } },
      { kind: "draft", step: "review", mine: { accepted: false } },
    ]),
  );
});

const aside = (session: ReturnType<typeof device>["session"]) => {
  const [conflict] = session.state.shelved;
  if (!conflict?.conflict || conflict.kind !== "draft" || conflict.step !== "amount") throw new Error("None aside.");
  return conflict;
};

test("S4: what was typed and not sent, and differs from what another device submitted, is kept aside", async () => {
  const { server, session } = device();
  await session.submit("recipient", recipient);
  server.faults.away = true;
  server.breakStreams();
  const drafts = [
    session.draft("amount", { cents: 4, reference: "rent" }),
    session.draft("recipient", { name: "Bob" }),
  ];
  await drafts[0]!.stored;
  submitElsewhere(server, session.id, "amount", { cents: 3, reference: "rent" });
  server.faults.away = false;

  expect(await drafts[0]!.settled).toMatchObject({ outcome: "refused", refusal: { code: "conflict" } });
  expect(await drafts[1]!.settled).toMatchObject({ outcome: "accepted" });
  expect(session.state).toMatchObject({ data: { amount: { cents: 3 } }, drafts: { recipient: { name: "Bob" } } });
  // Whether the push or the stream was first.
  expect(server.snapshot(session.id).drafts["amount"]).toBeUndefined();
  expect(session.state.drafts.amount).toBeUndefined();
  // What is the same is not in it.
  expect(aside(session)).toMatchObject({ mine: { cents: 4 }, theirs: { cents: 3, reference: "rent" } });

  expect(await aside(session).keepMine().settled).toMatchObject({ outcome: "accepted" });
  expect(session.state).toMatchObject({ drafts: { amount: { cents: 4 } }, shelved: [] });
  expect(server.snapshot(session.id).drafts["amount"]).toMatchObject({ cents: { value: 4 } });
});

test("S4: a draft that was sent, and that the device that submitted its step had not seen, is kept aside", async () => {
  const owner = someone();
  const { server, sessions, session } = device(owner);
  await session.submit("recipient", recipient);
  await session.draft("amount", { cents: 4 }).settled;
  submitElsewhere(server, session.id, "amount", { cents: 3 });
  await vi.waitFor(() => expect(session.state.data.amount).toEqual({ cents: 3 }));
  expect(aside(session).fields).toEqual({ cents: { base: undefined, mine: 4, theirs: 3 } });

  // It survives a reload, and a second submission elsewhere, until the person decides.
  await session.draft("recipient", { name: "B" }).settled;
  sessions.close();
  const again = openTab(server, { owner });
  await again.ready;
  const reopened = again.open(transfer, session.id);
  submitElsewhere(server, session.id, "amount", { cents: 5 });
  await vi.waitFor(() => expect(reopened.state.data.amount).toEqual({ cents: 5 }));
  expect(aside(reopened)).toMatchObject({ mine: { cents: 4 }, theirs: { cents: 5 } });
  await aside(reopened).takeTheirs();
  expect(reopened.state).toMatchObject({ shelved: [], data: { amount: { cents: 5 } } });
});

test("a conflict in which nothing differs any more is none", async () => {
  const { server, session } = device();
  await session.submit("recipient", recipient);
  await session.draft("amount", { cents: 4 }).settled;
  submitElsewhere(server, session.id, "amount", { cents: 3 });
  await vi.waitFor(() => expect(session.state.sync.state).toBe("conflict"));
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

test("what the device that submitted a step had seen of its draft is decided, and nothing is kept aside", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const [phone, laptop] = [openTab(server, { owner, profile: "phone" }), openTab(server, { owner, profile: "laptop" })];
  const begun = phone.start(transfer);
  await begun.submit("recipient", recipient);
  await begun.draft("amount", { cents: "12," }).settled;
  const resumed = laptop.open(transfer, begun.id);
  await vi.waitFor(() => expect(resumed.state.drafts.amount).toEqual({ cents: "12," }));
  await resumed.submit("amount", { cents: 1200 });
  await vi.waitFor(() => expect(begun.state.data.amount).toEqual({ cents: 1200 }));
  expect(begun.state).toMatchObject({ shelved: [], drafts: {} });
});

test("what is typed again in a field replaces what is kept aside of it", async () => {
  const { server, session } = device();
  await session.submit("recipient", recipient);
  await session.draft("amount", { cents: 4, reference: "ren" }).settled;
  submitElsewhere(server, session.id, "amount", { cents: 3 });
  await vi.waitFor(() => expect(aside(session).mine).toEqual({ cents: 4, reference: "ren" }));
  await session.draft("amount", { reference: "rent" }).settled;
  expect(aside(session).mine).toEqual({ cents: 4 });
  expect(session.state.drafts.amount).toEqual({ reference: "rent" });
});

test("S4: a command that the server fails on does not hold up the other sessions", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const [poisoned, other] = [sessions.start(transfer), sessions.start(transfer)];
  await vi.waitFor(() => expect([poisoned.state.revision, other.state.revision]).toEqual([1, 1]));
  server.faults.failOn = ({ session, kind }) => session === poisoned.id && kind === "submit";
  const stuck = poisoned.submit("recipient", recipient);
  const free = [other.submit("recipient", recipient), other.submit("amount", { cents: 1 })];
  expect(await Promise.all(free)).toMatchObject([{ outcome: "accepted" }, { outcome: "accepted" }]);
  expect(poisoned.state.sync.pending).toBe(1);

  server.faults.failOn = () => false;
  expect(await stuck).toMatchObject({ outcome: "accepted" });
});

test("S9: a session that is opened as another flow's takes nothing", async () => {
  const server = new ScriptedServer([transfer, visit]);
  const sessions = openTab(server, { owner: someone(), flows: [transfer, visit] });
  const session = sessions.start(transfer);
  await vi.waitFor(() => expect(session.state.revision).toBe(1));
  const strange = sessions.open(visit, session.id);
  expect(await strange.submit("recipient", { name: "Eve" })).toMatchObject({ refusal: { code: "not_found" } });
  expect(await strange.draft("recipient", { name: "Eve" }).settled).toMatchObject({ refusal: { code: "not_found" } });
  expect(await strange.cancel()).toMatchObject({ refusal: { code: "not_found" } });
  expect(session.state).toMatchObject({ status: "active", revision: 1, drafts: {}, sync: { pending: 0 } });
});

test("S13: the guard asks whoever leaves while something is only in memory, and not otherwise", async () => {
  const { session, sessions } = device();
  await session.draft("recipient", { name: "A" }).stored;
  const stop = sessions.guardUnload();
  const leaves = () => dispatchEvent(new Event("beforeunload", { cancelable: true }));
  await vi.waitFor(() => expect(leaves()).toBe(true));
  const { stored } = session.draft("recipient", { name: "Ad" });
  expect(leaves()).toBe(false);
  await stored;
  // The start's answer may be on its way to the disk too.
  await vi.waitFor(() => expect(leaves()).toBe(true));
  void session.draft("recipient", { name: "Ada" });
  stop();
  expect(leaves()).toBe(true);
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

test("S4: what a flow's own code throws holds up neither the other sessions nor what they show", async () => {
  let broken = false;
  const fragile = defineFlow({
    name: "fragile",
    version: 1,
    steps: {
      note: step({
        input: z.object({ text: z.string() }).refine(() => {
          if (broken) throw new Error("A bug of the application's.");
          return true;
        }),
      }),
    },
  });
  const server = new ScriptedServer([transfer, fragile]);
  const sessions = openTab(server, { owner: someone(), flows: [fragile, transfer] });
  server.faults.away = true;
  server.faults.refuse = (command) =>
    command.kind === "submit" && command.step === "note" ? { code: "failed" } : undefined;
  const poisoned = sessions.start(fragile);
  const healthy = sessions.start(transfer);
  await poisoned.submit("note", { text: "x" }).stored;
  const submission = healthy.submit("recipient", recipient);
  await submission.stored;

  const reported: unknown[] = [];
  vi.stubGlobal("queueMicrotask", (run: () => void) =>
    Promise.resolve()
      .then(run)
      .catch((error) => reported.push(error)),
  );
  broken = true;
  server.faults.away = false;
  expect(await submission).toMatchObject({ outcome: "accepted" });
  await vi.waitFor(() => expect(healthy.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  expect(poisoned.state).toMatchObject({ data: { note: { text: "x" } }, sync: { pending: 2 } });
  // Its page hears of it.
  expect(reported).toContainEqual(
    expect.objectContaining({ code: "flow_invalid", cause: new Error("A bug of the application's.") }),
  );
  broken = false;
  server.faults.refuse = () => undefined;
  dispatchEvent(new Event("online"));
  await vi.waitFor(() => expect(poisoned.state.status).toBe("completed"));
});
