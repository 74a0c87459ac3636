import { defineFlow, nextStamp, seenBy, step, type Command } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { elsewhere, openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

function begun() {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const sessions = openTab(server, { owner });
  return { server, owner, sessions, session: sessions.start(transfer) };
}

const known = (session: ReturnType<typeof begun>["session"]) =>
  vi.waitFor(() => expect(session.state).toMatchObject({ revision: 1, sync: { state: "saved" } }));

function submitElsewhere(server: ScriptedServer, session: string, step: "recipient" | "amount", input: object): void {
  const seen = seenBy(transfer, server.snapshot(session), step);
  const command = { kind: "submit", id: quick.id(), session, version: 1, step, input, seen } as Command;
  expect(server.take(elsewhere(), command)).toMatchObject([{ outcome: "accepted" }]);
}

test("S4: what is typed is kept as it was at that moment, whatever becomes of the application's object", async () => {
  const { owner, server, sessions, session } = begun();
  const cents = ["1"];
  await session.draft("amount", { cents }).stored;
  cents.push("2");
  // What frameworks wrap their state in cannot be stored as it is.
  await session.draft("amount", { cents: new Proxy(cents, {}) }).stored;
  expect(session.state.sync.storage).toBe("disk");
  sessions.close();
  const again = openTab(server, { owner });
  await again.ready;
  expect(again.open(transfer, session.id).state.drafts.amount).toEqual({ cents: ["1", "2"] });
});

test("S4: a field that cannot be kept takes none of the others along, and is refused", async () => {
  const { session } = begun();
  const draft = session.draft("amount", { cents: Number.NaN, reference: "rent" });
  const issues = [{ path: ["cents"], message: "Not a JSON value." }];
  const refusal = { code: "invalid_input", step: "amount", issues };
  expect(await draft.settled).toEqual({ outcome: "refused", refusal });
  const two = session.draft("amount", { cents: [1, Number.NaN], reference: "\0" });
  expect(await two.refused).toMatchObject({ issues: [{ path: ["cents", 1] }, { path: ["reference"] }] });
  expect(session.state.drafts.amount).toEqual({ reference: "rent" });
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: Number.NaN, reference: "June" });
  expect(session.state.drafts.amount).toEqual({ reference: "June" });
  // The schema would drop the last field.
  const input = { name: "", iban: "BE1", hidden: 1 };
  expect(await session.submit("recipient", input)).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(session.state.drafts.recipient).toEqual({ name: "", iban: "BE1" });
});

test("S3: a refused input goes back into its form, but not over what another device typed there meanwhile", async () => {
  const { server, session } = begun();
  await known(session);
  server.faults.refuse = ({ kind }) =>
    kind === "submit" ? { code: "rejected", step: "recipient", reason: "No." } : undefined;
  server.faults.away = true;
  await session.submit("recipient", recipient).stored;
  const device = elsewhere();
  const fields = { name: { value: "Grace", at: nextStamp(device.id, Date.now()) } };
  server.take(device, { kind: "draft", id: quick.id(), session: session.id, version: 1, step: "recipient", fields });
  server.faults.away = false;
  const { iban } = recipient;
  await vi.waitFor(() =>
    expect(server.snapshot(session.id).drafts["recipient"]).toMatchObject({ iban: { value: iban } }),
  );
  expect(session.state.drafts.recipient).toEqual({ name: "Grace", iban });
  expect(session.state.shelved).toMatchObject([{ kind: "submit", mine: recipient }]);
});

test("S4: what is typed is there again when the session could not be cancelled, or ended elsewhere before that", async () => {
  const { server, session } = begun();
  server.faults.refuse = ({ kind }) => (kind === "cancel" ? { code: "failed" } : undefined);
  await session.draft("amount", { cents: 4 }).stored;
  await session.cancel();
  expect(session.state.drafts.amount).toEqual({ cents: 4 });
  server.faults.refuse = () => undefined;

  server.faults.away = true;
  server.breakStreams();
  await session.draft("amount", { cents: 5 }).stored;
  const cancellation = session.cancel();
  await cancellation.stored;
  expect(session.state).toMatchObject({ status: "cancelled", drafts: {} });
  server.take(elsewhere(), { kind: "cancel", id: quick.id(), session: session.id, version: 1 });
  server.faults.away = false;
  expect(await cancellation).toMatchObject({ outcome: "superseded" });
  await vi.waitFor(() =>
    expect(session.state.shelved).toContainEqual(expect.objectContaining({ kind: "draft", mine: { cents: 5 } })),
  );
});

test("S4: what was typed and sent is kept aside when another device completes the session without having seen it", async () => {
  const note = defineFlow({
    name: "note",
    version: 1,
    steps: { text: step({ input: z.object({ body: z.string() }) }) },
  });
  const server = new ScriptedServer([note]);
  const session = openTab(server, { owner: someone(), flows: [note] }).start(note);
  await session.draft("text", { body: "a long one" }).settled;
  const seen = { text: null };
  const command = { kind: "submit", id: quick.id(), session: session.id, version: 1, step: "text", seen } as const;
  server.take(elsewhere(), { ...command, input: { body: "short" } });
  await vi.waitFor(() => expect(session.state.status).toBe("completed"));
  expect(session.state.shelved).toMatchObject([{ kind: "draft", step: "text", mine: { body: "a long one" } }]);
});

test("S4: a draft that the server fails on does not hold up its session's commands", async () => {
  const { server, session } = begun();
  await known(session);
  server.faults.failOn = ({ kind }) => kind === "draft";
  await session.draft("amount", { cents: 1 }).stored;
  await vi.waitFor(() => expect(server.failed).toBeGreaterThan(0));
  expect(session.state.sync.state).toBe("saving");
  expect(await session.submit("recipient", recipient)).toMatchObject({ outcome: "accepted" });
  server.faults.failOn = () => false;
  await vi.waitFor(() => expect(server.snapshot(session.id).drafts["amount"]).toBeDefined(), { timeout: 5_000 });
});

test("S4: a form that is saved whole takes nothing from the shelf that it did not change", async () => {
  const { server, session } = begun();
  await session.submit("recipient", recipient);
  await session.draft("amount", { cents: 5 }).settled;
  submitElsewhere(server, session.id, "amount", { cents: 1 });
  await vi.waitFor(() => expect(session.state.shelved).toHaveLength(1));
  await session.draft("amount", { cents: 1, reference: "x" }).stored;
  expect(session.state.shelved).toMatchObject([{ mine: { cents: 5 } }]);
});

test("S4: what is typed after the start was refused is shelved with it", async () => {
  const { server, session } = begun();
  server.faults.refuse = ({ kind }) => (kind === "start" ? { code: "failed" } : undefined);
  await session.draft("recipient", { name: "before" }).stored;
  await vi.waitFor(() => expect(session.state.shelved.length).toBeGreaterThan(0));
  await session.draft("recipient", { iban: "after" }).stored;
  await vi.waitFor(() => {
    const drafts = session.state.shelved.flatMap(({ kind, mine }) => (kind === "draft" ? [mine] : []));
    expect(Object.assign({}, ...drafts)).toEqual({ name: "before", iban: "after" });
  });
});

test("S2: of a long queue every submission is heard of, in a tab that does not push too", async () => {
  const { server, owner, session: first } = begun();
  await first.submit("recipient", recipient);
  const follower = openTab(server, { owner });
  await follower.ready;
  server.faults.away = true;
  server.breakStreams();
  const session = follower.open(transfer, first.id);
  const all = Array.from({ length: 250 }, (_, index) => session.submit("amount", { cents: index + 1 }));
  await Promise.all(all.map(({ stored }) => stored));
  server.faults.away = false;
  const outcomes = await Promise.all(all.map(({ settled }) => settled));
  expect(outcomes.filter(({ outcome }) => outcome === "accepted")).toHaveLength(250);
});

test("S1: what was refused is in its form again, and saved at once, in a tab that does not push too", async () => {
  const { server, owner, session: first } = begun();
  await first.submit("recipient", recipient);
  const follower = openTab(server, { owner });
  await follower.ready;
  const beside = follower.open(transfer, first.id);
  for (const session of [first, beside]) {
    server.faults.refuse = ({ kind }) => (kind === "submit" ? { code: "failed" } : undefined);
    // The server has what was typed before it was submitted.
    await session.draft("amount", { cents: 7, reference: "x" }).settled;
    const [sent, input] = [server.pushes.length, { cents: 7, reference: "x" }];
    expect(await session.submit("amount", input)).toMatchObject({ outcome: "refused" });
    expect(session.state).toMatchObject({ drafts: { amount: input }, sync: { pending: 0 } });
    expect(server.pushes).toHaveLength(sent + 1);

    // Of this it has nothing.
    await session.submit("amount", { cents: 8 });
    await vi.waitFor(() =>
      expect(session.state).toMatchObject({ drafts: { amount: { cents: 8 } }, sync: { pending: 0 } }),
    );
    expect(server.snapshot(session.id).drafts["amount"]).toMatchObject({ cents: { value: 8 } });
    server.faults.refuse = () => undefined;
    await session.submit("amount", { cents: 9 });
    await vi.waitFor(() => expect(beside.state.drafts.amount).toBeUndefined());
  }
});

/** An empty field, as forms say it. */
const nothing = undefined as never;

test("S4: a field that is emptied is empty here, on the other device, after a reload, a refusal and a submission", async () => {
  const { server, owner, sessions, session } = begun();
  const other = openTab(server, { owner, profile: "laptop" }).open(transfer, session.id);
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 5, reference: "Rent" });
  // `null` is a value, `undefined` is none; both win over what was submitted.
  const emptied = { cents: null, reference: nothing };
  await session.draft("amount", emptied).settled;
  expect(Object.entries(session.state.drafts.amount!)).toEqual(Object.entries(emptied));
  await vi.waitFor(() => expect(other.state.drafts.amount).toStrictEqual(emptied));
  const sent = server.pushes.length;
  expect(await session.draft("amount", { reference: nothing }).settled).toMatchObject({ outcome: "accepted" });
  expect(server.pushes).toHaveLength(sent);
  sessions.close();
  const again = openTab(server, { owner });
  await again.ready;
  const reloaded = again.open(transfer, session.id);
  expect(reloaded.state.drafts.amount).toStrictEqual(emptied);

  // Emptied as it is submitted, and not before.
  await reloaded.draft("amount", { cents: 6, reference: "x" }).settled;
  await reloaded.submit("amount", { cents: -1, reference: nothing });
  expect(reloaded.state.drafts.amount).toStrictEqual({ cents: -1, reference: nothing });
  server.faults.refuse = ({ kind }) => (kind === "submit" ? { code: "failed" } : undefined);
  await reloaded.submit("amount", { cents: 7 });
  expect(reloaded.state.drafts.amount).toStrictEqual({ cents: 7, reference: nothing });
  server.faults.refuse = () => undefined;
  expect(await reloaded.submit("amount", { cents: 8 })).toMatchObject({ outcome: "accepted" });
  await vi.waitFor(() => expect(other.state.data.amount).toEqual({ cents: 8 }));
  expect([reloaded.state.drafts.amount, other.state.drafts.amount]).toEqual([undefined, undefined]);
});

test("S4: what stood in a step and is not submitted again is empty in its form, when that is refused here too", async () => {
  const { session } = begun();
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 5, reference: "Rent" });
  expect(await session.submit("amount", { cents: -1 })).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(session.state.drafts.amount).toStrictEqual({ cents: -1, reference: nothing });
});

test("S4: a field that is typed, and not submitted with the others, is empty in its form when that is refused, here or there", async () => {
  const { server, owner, session } = begun();
  const other = openTab(server, { owner, profile: "laptop" }).open(transfer, session.id);
  await session.submit("recipient", recipient);
  const type = (reference: string) => session.draft("amount", { cents: 5, reference }).settled;
  const empty = (cents: number) => ({ cents, reference: nothing });
  await type("old");
  server.faults.refuse = ({ kind }) => (kind === "submit" ? { code: "failed" } : undefined);
  await session.submit("amount", { cents: 6 });
  expect(session.state.drafts.amount).toStrictEqual(empty(6));
  await vi.waitFor(() => expect(other.state.drafts.amount).toStrictEqual(empty(6)));

  await type("older");
  await session.submit("amount", { cents: -1 });
  expect(session.state.drafts.amount).toStrictEqual(empty(-1));
  await vi.waitFor(() => expect(other.state.drafts.amount).toStrictEqual(empty(-1)));

  // What is typed while the answer is awaited, here or on another device, is newer.
  for (const device of [session, other]) {
    await type("oldest");
    await vi.waitFor(() => expect(other.state.drafts.amount).toMatchObject({ reference: "oldest" }));
    server.faults.beforePush = async () => {
      server.faults.beforePush = () => Promise.resolve();
      await device.draft("amount", { reference: "new" })[device === other ? "settled" : "stored"];
    };
    await session.submit("amount", { cents: 7 });
    expect(session.state.drafts.amount).toStrictEqual({ cents: 7, reference: "new" });
  }
});

test("S4: an emptied field wins and loses as any other, and is nothing to keep aside", async () => {
  const { server, session } = begun();
  await known(session);
  const type = (name: string) => session.draft("recipient", { name }).settled;
  await type("Ada");
  await type(nothing);
  await session.draft("recipient", { iban: "BE1" }).settled;
  submitElsewhere(server, session.id, "recipient", recipient);
  await vi.waitFor(() => expect(session.state.shelved).toMatchObject([{ kind: "draft" }]));
  expect(session.state.shelved[0]!.mine).toStrictEqual({ iban: "BE1" });
});

test("S4: a value that another device replaced unseen is offered where it was typed, and can be taken, merged or let go of", async () => {
  const { server, owner, sessions, session } = begun();
  await known(session);
  const laptop = openTab(server, { owner, profile: "laptop", deviceName: "Laptop" });
  const other = laptop.open(transfer, session.id);
  await vi.waitFor(() => expect(other.state.revision).toBe(1));
  const name = (of: typeof session) => of.state.drafts.recipient?.name;
  const offer = (of: typeof session) => of.state.shelved.find((entry) => entry.conflict && entry.kind === "draft");

  // The phone is offline, its value is older.
  server.faults.away = true;
  await session.draft("recipient", { name: "a long name" }).stored;
  await other.draft("recipient", { name: "short" }).stored;
  server.faults.away = false;
  await vi.waitFor(() => expect(session.state.shelved).toHaveLength(1));
  await vi.waitFor(() => expect(session.state.sync.pending).toBe(0));
  expect(offer(session)).toMatchObject({
    step: "recipient",
    mine: { name: "a long name" },
    theirs: { name: "short" },
    fields: { name: { mine: "a long name", theirs: "short" } },
    typedOver: { device: { id: laptop.device.id, name: "Laptop" } },
  });
  expect([name(session), name(other), other.state.shelved]).toEqual(["short", "short", []]);

  // There after a reload, and in another tab.
  sessions.close();
  const again = openTab(server, { owner });
  await again.ready;
  const reloaded = again.open(transfer, session.id);
  const decided = offer(reloaded)!;
  if (!decided.conflict) throw new Error("It is a conflict.");
  await decided.keepMine().stored;
  expect(reloaded.state.shelved).toEqual([]);
  await vi.waitFor(() => expect(name(other)).toBe("a long name"));
  // It had the other on its screen.
  expect(other.state.shelved).toEqual([]);

  // The other way round: what had arrived is replaced by what comes late, and then submitted.
  server.faults.away = true;
  await other.draft("recipient", { iban: "BE1" }).stored;
  await reloaded.draft("recipient", { iban: "BE2" }).stored;
  server.faults.away = false;
  await vi.waitFor(() => expect(offer(other)).toMatchObject({ mine: { iban: "BE1" }, theirs: { iban: "BE2" } }));
  await reloaded.submit("recipient", { name: "a long name", iban: "BE2" });
  await vi.waitFor(() => expect(other.state.data.recipient).toBeDefined());
  const left = offer(other)!;
  expect(left).toMatchObject({ mine: { iban: "BE1" }, theirs: { iban: "BE2" } });
  if (!left.conflict) throw new Error("It is a conflict.");
  await left.takeTheirs();
  expect(other.state.shelved).toEqual([]);
});
