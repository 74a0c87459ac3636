import {
  advance,
  seenBy,
  type AnyFlow,
  type Command,
  type Device,
  type Outcome,
  type Refusal,
  type Snapshot,
} from "@sessions/core/internal";
import fc from "fast-check";
import { expect, test } from "vitest";
import { draft, idOf, start as startOf, submit } from "../../../core/src/testing/commands.ts";
import { stampFields, keepDraft } from "./drafts.ts";
import { liftRecord } from "./lift.ts";
import { applySnapshot } from "./snapshot.ts";
import { enqueue } from "./queue.ts";
import { applyReply, type ReplyContext } from "./reply.ts";
import { emptyRecord, type QueuedCommand, type SessionRecord } from "./record.ts";
import { transfer } from "../testing/transfer.ts";
import { viewOf } from "./view.ts";

const device: Device = { id: "0190b2f4-0000-7000-8000-00000000000a", name: "Here" };
const elsewhere: Device = { id: "0190b2f4-0000-7000-8000-00000000000b", name: "Elsewhere" };
const session = "0190b2f4-0000-7000-8000-0000000000ff";
const context: ReplyContext = { flow: transfer, device, nowMs: 1_000 };

const start = startOf(session, "transfer", { id: idOf(0) });

function submitting(index: number, step: string, input: object): QueuedCommand {
  return submit(session, step, input as never, { id: idOf(index) });
}

function snapshotAt(revision: number, data: Snapshot["data"] = {}, changes: Partial<Snapshot> = {}): Snapshot {
  const begun = advance(transfer, null, start, { device: elsewhere, nowMs: 0 });
  if (!begun.accepted) throw new Error("A start is accepted.");
  const submissions = Object.fromEntries(
    Object.keys(data).map((step) => [step, { command: idOf(900), at: begun.session.startedAt, device: elsewhere }]),
  );
  return { ...begun.session, revision, data, submissions, ...changes };
}

const refusals = fc.constantFrom<Refusal>(
  { code: "conflict", step: "amount", changed: ["amount"], theirs: null },
  { code: "rejected", step: "amount", reason: "No." },
  { code: "ended", status: "completed" },
  { code: "not_found" },
  { code: "outdated", given: 1, current: 2 },
  { code: "unknown_step", step: "amount" },
  { code: "failed" },
  { code: "malformed", issues: [] },
  { code: "limit_reached", limit: "completions", atMost: 20, resetsAt: null },
  { code: "busy", retryAfterMs: 1_000 },
  { code: "expired", at: "1970-01-02T00:00:00.000Z" },
);
const outcomes = fc.oneof(
  fc.constant<Outcome>({ status: "accepted", revision: 7, replayed: false }),
  refusals.map((refusal): Outcome => ({ status: "refused", refusal })),
);
const inputs = fc.integer({ min: 1, max: 3 }).map((cents) => ({ cents }));

const queues = fc.record({
  withStart: fc.boolean(),
  submits: fc.array(
    fc.record({ step: fc.constantFrom("amount", "recipient"), input: inputs, outcome: fc.option(outcomes) }),
    { maxLength: 6 },
  ),
  startOutcome: outcomes,
  standing: fc.option(inputs),
  status: fc.constantFrom<Snapshot["status"]>("active", "completed", "cancelled"),
  typed: fc.option(fc.record({ input: inputs, outcome: fc.option(outcomes) })),
});

const later: AnyFlow = { ...transfer, version: 2, migrate: { 1: { amount: (old) => ({ ...old }) } } };

test.for([
  ["on the same page", transfer],
  ["on the page after a deploy", later],
] as const)("S4, S12: accepted = applied + superseded + shelved + pending, whatever is answered %s", ([, flow]) => {
  fc.assert(
    fc.property(queues, (queue) => {
      const commands = queue.submits.map(({ step, input }, index) => submitting(index + 1, step, input));
      if (queue.withStart) commands.unshift(start);
      let record: SessionRecord = queue.withStart
        ? emptyRecord
        : applySnapshot(snapshotAt(1), device, transfer)(emptyRecord);
      for (const command of commands) record = enqueue(command, null)(record);

      const sent: Command[] = [...commands];
      const answers = new Map<string, Outcome>();
      if (queue.withStart) answers.set(start.id, queue.startOutcome);
      for (const [index, { outcome }] of queue.submits.entries()) if (outcome) answers.set(idOf(index + 1), outcome);
      if (queue.typed) {
        const draftFields = stampFields(record, queue.typed.input, device.id, 1);
        record = keepDraft("amount", draftFields, 1)(record);
        sent.push(draft(session, "amount", draftFields, { id: idOf(50) }));
        if (queue.typed.outcome) answers.set(idOf(50), queue.typed.outcome);
      }
      const startRefused = queue.withStart && queue.startOutcome.status === "refused";
      const snapshot = startRefused
        ? undefined
        : snapshotAt(9, queue.standing ? { amount: queue.standing } : {}, { status: queue.status });
      const answer = applyReply({ snapshot, outcomes: answers, commands: sent }, { ...context, flow });
      const after = answer(liftRecord(flow, record));
      expect(after.version).toBe(flow.version);

      for (const { id: command } of commands) {
        const outcome = after.settled.find((entry) => entry.id === command)?.outcome;
        const fates = [
          after.pending.some((entry) => entry.command.id === command),
          outcome?.status === "accepted",
          outcome?.status === "superseded",
          after.shelved.some((entry) => entry.id === command),
        ];
        expect(fates.filter(Boolean)).toHaveLength(1);
        // A waiting caller hears of a command when it is no longer pending, and only then.
        expect(outcome === undefined).toBe(fates[0]);
      }
      if (queue.typed) {
        const draftAccepted = queue.typed.outcome?.status === "accepted";
        const stands = queue.standing?.cents === queue.typed.input.cents;
        const isDrafted =
          after.drafts["amount"]?.["cents"] !== undefined || after.shelved.some(({ kind }) => kind === "draft");
        expect(draftAccepted || stands || isDrafted).toBe(true);
      }
      // The same answer again, as two tabs without a lock get it, changes nothing.
      expect(answer(after)).toEqual(after);
    }),
    { numRuns: 500 },
  );
});

test("S10: an older snapshot is not adopted, and of one revision the newer version of the flow stands", () => {
  const record = applySnapshot(snapshotAt(5, { amount: { cents: 5 } }), device, transfer)(emptyRecord);
  expect(applySnapshot(snapshotAt(4), device, transfer)(record)).toBe(record);
  const lifted = applySnapshot(snapshotAt(5, {}, { version: 2 }), device, transfer)(record);
  expect(lifted.snapshot).toMatchObject({ version: 2, data: {} });
  expect(applySnapshot(snapshotAt(5), device, transfer)(lifted)).toBe(lifted);
  expect(applySnapshot(snapshotAt(6), device, transfer)(record).snapshot!.revision).toBe(6);
});

test("S4: a command that is queued again, after its answer too, is there once", () => {
  const queue = enqueue(submitting(1, "amount", { cents: 1 }), null);
  const once = queue(applySnapshot(snapshotAt(1), device, transfer)(emptyRecord));
  expect(queue(once)).toBe(once);
  // If the draft that the submission took is written again with it, no draft is left.
  const at = `000000000000001-0000-${device.id}`;
  const type = keepDraft("amount", { cents: { value: 1, at } }, 1);
  const submit = enqueue({ ...submitting(2, "amount", { cents: 1 }), seenDrafts: [at] } as QueuedCommand, null);
  const record = submit(type(applySnapshot(snapshotAt(1), device, transfer)(emptyRecord)));
  expect(submit(type(record))).toEqual(record);
  const outcomes = new Map<string, Outcome>([[idOf(1), { status: "accepted", revision: 2, replayed: false }]]);
  const settled = applyReply({ snapshot: undefined, outcomes, commands: [] }, context)(once);
  expect(queue(settled)).toBe(settled);
});

test("S4: what another tab typed in a step stays with the submission that had not seen it", () => {
  const [seen, unseen] = [1, 2].map((ms) => `00000000000000${ms}-0000-${device.id}`) as [string, string];
  const submit = enqueue({ ...submitting(1, "amount", { cents: 1 }), seenDrafts: [seen] } as QueuedCommand, null);
  const begun = applySnapshot(snapshotAt(1), device, transfer)(emptyRecord);
  const both = keepDraft(
    "amount",
    { cents: { value: 1, at: seen }, reference: { value: "June", at: unseen } },
    1,
  )(begun);
  expect(submit(both).drafts).toEqual({ amount: { reference: { value: "June", at: unseen } } });
});

test("S4: what one tab typed and sent while another's submission was under way is typed on, and not lost with it", () => {
  const [seen, unseen] = [1, 2].map((ms) => `00000000000000${ms}-0000-${device.id}`) as [string, string];
  const sent = { amount: { cents: { value: 2, at: unseen } } };
  const before = applySnapshot(snapshotAt(2, {}, { drafts: sent }), device, transfer)(emptyRecord);
  const submission = { command: idOf(1), at: new Date(1).toISOString(), device };
  const taken = (typedThen: readonly string[]) =>
    snapshotAt(3, { amount: { cents: 1 } }, { submissions: { amount: { ...submission, seenDrafts: [...typedThen] } } });
  expect(applySnapshot(taken([seen]), device, transfer)(before)).toMatchObject({ drafts: sent, shelved: [] });
  expect(applySnapshot(taken([unseen]), device, transfer)(before)).toMatchObject({ drafts: {}, shelved: [] });
});

test("S1: a confirm step is not asked for any more once the session shows it, or has ended", () => {
  const confirmation = { id: idOf(1), step: "review", atMs: 0 };
  const asking = { ...applySnapshot(snapshotAt(1), device, transfer)(emptyRecord), confirmation };
  const heard = (changes: Partial<Snapshot>) =>
    applySnapshot(snapshotAt(2, {}, changes), device, transfer)(asking).confirmation;
  const submissionOf = (command: string) => ({
    submissions: { review: { command, at: new Date(0).toISOString(), device } },
  });
  expect([heard({}), heard(submissionOf(idOf(2)))]).toEqual([confirmation, confirmation]);
  expect([heard(submissionOf(idOf(1))), heard({ status: "completed" })]).toEqual([null, null]);
});

test("what is typed goes with the session that was ended here, and stays for the one that was ended elsewhere", () => {
  const drafts = { amount: { cents: { value: 1, at: `000000000000001-0000-${device.id}` } } };
  const record: SessionRecord = { ...applySnapshot(snapshotAt(1), device, transfer)(emptyRecord), drafts };
  const ended = (by: Device) =>
    applySnapshot(snapshotAt(2, {}, { status: "cancelled", device: by }), device, transfer)(record);
  expect(ended(device).drafts).toEqual({});
  expect(ended(elsewhere).drafts).toEqual(drafts);
});

test("the view has what is pending on top, and is no different when the server has it already", () => {
  const seen = { amount: null };
  const recipient = { name: "Ada", iban: "BE" };
  const base = applySnapshot(snapshotAt(2, { recipient }), device, transfer)(emptyRecord);
  const command = { ...submitting(1, "amount", { cents: 5 }), seen } as QueuedCommand;
  const record = enqueue(command, null)(base);
  expect(viewOf(transfer, record, device)!.data).toEqual({ recipient, amount: { cents: 5 } });

  // The stream was faster than the reply.
  const applied = advance(transfer, base.snapshot, command, { device, nowMs: 0 });
  if (!applied.accepted) throw new Error("The submission is accepted.");
  const heard = applySnapshot(applied.session, device, transfer)(record);
  expect(viewOf(transfer, heard, device)).toEqual(applied.session);
});

test("a pending submission of a session whose deadline passed here is still shown: another device may have extended it", () => {
  const late = applySnapshot(
    snapshotAt(2, {}, { expiresAt: "1971-01-01T00:00:00.000Z" }),
    device,
    transfer,
  )(emptyRecord);
  const view = viewOf(transfer, late, device)!;
  const command = {
    ...submitting(1, "recipient", { name: "Ada", iban: "BE" }),
    seen: seenBy(transfer, view, "recipient"),
  } as QueuedCommand;
  expect(viewOf(transfer, enqueue(command, null)(late), device)!.data).toHaveProperty("recipient");
});

test("what the server is too busy for stays pending, and so does everything behind it", () => {
  const queued = [submitting(1, "amount", { cents: 1 }), submitting(2, "recipient", { name: "Ada", iban: "BE" })];
  const record = queued.reduce(
    (before, command) => enqueue(command, null)(before),
    applySnapshot(snapshotAt(1), device, transfer)(emptyRecord),
  );
  const refusal: Refusal = { code: "busy", retryAfterMs: 1_000 };
  const answers = new Map<string, Outcome>([
    [idOf(1), { status: "refused", refusal }],
    [idOf(2), { status: "refused", refusal: { code: "failed" } }],
  ]);
  const after = applyReply({ snapshot: undefined, outcomes: answers, commands: [] }, context)(record);
  expect(after).toMatchObject({ shelved: [], settled: [], outdated: false });
  expect(after.pending).toEqual(record.pending);
});

test("S2: what another tab's confirm step is found before is refused, unless it may have been sent by then", () => {
  const confirmation = { id: idOf(1), step: "review", atMs: 0 };
  const record: SessionRecord = { ...emptyRecord, flow: "transfer", version: 1, snapshot: snapshotAt(1), confirmation };
  const command = submitting(2, "recipient", { name: "Ada", iban: "BE68" });
  expect(enqueue(command, null)(record)).toMatchObject({
    pending: [],
    settled: [{ id: idOf(2), outcome: { status: "refused", refusal: { code: "unsettled" } } }],
  });
  expect(enqueue(command, null, undefined, () => true)(record)).toMatchObject({ pending: [{ command }], settled: [] });
});
