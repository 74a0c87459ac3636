import { defineFlow, step } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { cancel, submit } from "../../../core/src/testing/commands.ts";
import { beginTransfer, reachServer, submitElsewhere } from "../testing/begun-transfer.ts";
import { elsewhere, openTab, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

test("S4: a draft typed while its session was cancelled elsewhere is shelved, in a step that confirms too", async () => {
  const { server, session } = beginTransfer();
  await session.submit("recipient", recipient);
  server.faults.away = true;
  server.breakStreams();
  await session.draft("amount", { cents: 4 }).stored;
  await session.draft("review", { accepted: false }).stored;
  expect(server.take(elsewhere(), cancel(session.id))).toMatchObject([{ status: "accepted" }]);
  server.faults.away = false;
  await vi.waitFor(() => expect(session.state.status).toBe("cancelled"));
  await vi.waitFor(() =>
    expect(session.state.shelved).toMatchObject([
      { kind: "draft", step: "amount", mine: { cents: 4 } },
      { kind: "draft", step: "review", mine: { accepted: false } },
    ]),
  );
});

const aside = (session: ReturnType<typeof beginTransfer>["session"]) => {
  const [conflict] = session.state.shelved;
  if (conflict?.type !== "conflict" || conflict.kind !== "draft" || conflict.step !== "amount")
    throw new Error("None aside.");
  return conflict;
};

test("S4: what was typed and not sent, and differs from what another device submitted, is kept aside", async () => {
  const { server, session } = beginTransfer();
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

  expect(await drafts[0]!.settled).toMatchObject({ status: "refused", refusal: { code: "conflict" } });
  expect(await drafts[1]!.settled).toMatchObject({ status: "accepted" });
  expect(session.state).toMatchObject({ data: { amount: { cents: 3 } }, drafts: { recipient: { name: "Bob" } } });
  // Whether the push or the stream was first.
  expect(server.snapshot(session.id).drafts["amount"]).toBeUndefined();
  expect(session.state.drafts.amount).toBeUndefined();
  // What is the same is not in it.
  expect(aside(session)).toMatchObject({ mine: { cents: 4 }, theirs: { cents: 3, reference: "rent" } });

  expect(await aside(session).keepMine().settled).toMatchObject({ status: "accepted" });
  expect(session.state).toMatchObject({ drafts: { amount: { cents: 4 } }, shelved: [] });
  expect(server.snapshot(session.id).drafts["amount"]).toMatchObject({ cents: { value: 4 } });
});

test("S4: a draft that was sent, and that the device that submitted its step had not seen, is kept aside", async () => {
  const owner = someone();
  const { server, sessions, session } = beginTransfer(owner);
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
  const { server, session } = beginTransfer();
  await session.submit("recipient", recipient);
  await session.draft("amount", { cents: 4, reference: "ren" }).settled;
  submitElsewhere(server, session.id, "amount", { cents: 3 });
  await vi.waitFor(() => expect(aside(session).mine).toEqual({ cents: 4, reference: "ren" }));
  await session.draft("amount", { reference: "rent" }).settled;
  expect(aside(session).mine).toEqual({ cents: 4 });
  expect(session.state.drafts.amount).toEqual({ reference: "rent" });
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
  server.take(elsewhere(), submit(session.id, "text", { body: "short" }, { seen: { text: null } }));
  await vi.waitFor(() => expect(session.state.status).toBe("completed"));
  expect(session.state.shelved).toMatchObject([{ kind: "draft", step: "text", mine: { body: "a long one" } }]);
});

test("S4: a form that is saved whole takes nothing from the shelf that it did not change", async () => {
  const { server, session } = beginTransfer();
  await session.submit("recipient", recipient);
  await session.draft("amount", { cents: 5 }).settled;
  submitElsewhere(server, session.id, "amount", { cents: 1 });
  await vi.waitFor(() => expect(session.state.shelved).toHaveLength(1));
  await session.draft("amount", { cents: 1, reference: "x" }).stored;
  expect(session.state.shelved).toMatchObject([{ mine: { cents: 5 } }]);
});

/** An empty field, as forms say it. */
const nothing = undefined as never;

test("S4: an emptied field wins and loses as any other, and is nothing to keep aside", async () => {
  const { server, session } = beginTransfer();
  await reachServer(session);
  const type = (name: string) => session.draft("recipient", { name }).settled;
  await type("Ada");
  await type(nothing);
  await session.draft("recipient", { iban: "BE1" }).settled;
  submitElsewhere(server, session.id, "recipient", recipient);
  await vi.waitFor(() => expect(session.state.shelved).toMatchObject([{ kind: "draft" }]));
  expect(session.state.shelved[0]!.mine).toStrictEqual({ iban: "BE1" });
});

test("S4: a value that another device replaced unseen is offered where it was typed, and can be taken, merged or let go of", async () => {
  const { server, owner, sessions, session } = beginTransfer();
  await reachServer(session);
  const laptop = openTab(server, { owner, profile: "laptop", deviceName: "Laptop" });
  const other = laptop.open(transfer, session.id);
  await vi.waitFor(() => expect(other.state.revision).toBe(1));
  const name = (of: typeof session) => of.state.drafts.recipient?.name;
  const offer = (of: typeof session) =>
    of.state.shelved.find((entry) => entry.type === "conflict" && entry.kind === "draft");

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
  if (decided.type !== "conflict") throw new Error("It is a conflict.");
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
  const both = { mine: { iban: "BE1" }, theirs: { iban: "BE2" } };
  // Both push again after a pause.
  await vi.waitFor(() => expect(offer(other)).toMatchObject(both), 5_000);
  await reloaded.submit("recipient", { name: "a long name", iban: "BE2" });
  await vi.waitFor(() => expect(other.state.data.recipient).toBeDefined());
  const left = offer(other)!;
  expect(left).toMatchObject(both);
  if (left.type !== "conflict") throw new Error("It is a conflict.");
  await left.takeTheirs();
  expect(other.state.shelved).toEqual([]);
});
