import {
  advance,
  defineFlow,
  nextStamp,
  step,
  type DraftCommand,
  type Refusal,
  type Snapshot,
} from "@sessions/core/internal";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { start, submit } from "../../../core/src/testing/commands.ts";
import { keepDraft } from "./drafts.ts";
import { liftRecord } from "./lift.ts";
import { emptyRecord, type SessionRecord } from "./record.ts";
import { applyReply } from "./reply.ts";
import { applySnapshot } from "./snapshot.ts";

const text = z.object({ text: z.string() });
const first = defineFlow({ name: "note", version: 1, steps: { body: step({ input: text }) } });
const second = defineFlow({
  name: "note",
  version: 2,
  steps: { content: step({ input: text }) },
  migrate: { 1: { body: { to: "content" } } },
});

const laptop = { id: "0190b2f4-0000-7000-8000-00000000000a", name: "Laptop" };
const phone = { id: "0190b2f4-0000-7000-8000-00000000000b", name: "Phone" };
const command = "0190b2f4-0000-7000-8000-00000000000c";
const begun = advance(first, null, start(command, "note"), { device: laptop, nowMs: 1_000 });
const { session } = begun as Extract<typeof begun, { accepted: true }>;

/** The laptop's record, once the server has the draft that `by` typed. */
const withDraft = (by: typeof laptop): SessionRecord => ({
  ...emptyRecord,
  flow: "note",
  version: 1,
  snapshot: { ...session, revision: 2, drafts: { body: { text: { value: "Mine", at: nextStamp(by.id, 5) } } } },
});

/** The phone has submitted another text, unseen, with a page of the second version. */
const submitted: Snapshot = {
  ...session,
  version: 2,
  revision: 3,
  data: { content: { text: "Theirs" } },
  submissions: { content: { command, at: session.updatedAt, device: phone } },
  device: phone,
};

/** The phone has submitted, or typed, another text of the first version, unseen. */
const submittedBy: Snapshot = {
  ...submitted,
  version: 1,
  data: { body: { text: "Theirs" } },
  submissions: { body: { command, at: session.updatedAt, device: phone } },
};
const typedBy: Snapshot = {
  ...session,
  revision: 3,
  drafts: { body: { text: { value: "Theirs", at: nextStamp(phone.id, 9) } } },
};

test("S4: a page of an earlier version keeps a draft that the server had, until a page that can read both versions shelves it", () => {
  const before = withDraft(laptop);
  const waiting = applySnapshot(submitted, laptop, first)(before);
  expect(waiting).toEqual({ ...before, outdated: true });
  const after = applySnapshot(submitted, laptop, second)(liftRecord(second, waiting));
  expect(after).toMatchObject({ version: 2, outdated: false, shelved: [{ kind: "draft", mine: { text: "Mine" } }] });
  expect(after.snapshot).toEqual(submitted);
});

test("S12: a page without anything of its own takes the snapshot of a later version", () => {
  const after = applySnapshot(submitted, laptop, first)(withDraft(phone));
  expect(after).toMatchObject({ version: 2, snapshot: submitted, shelved: [] });
});

test.each([
  ["submitted", submittedBy],
  ["typed", typedBy],
] as const)("S4: what this device typed under another id is shelved when another device %s over it", (_, theirs) => {
  // The other tab of the laptop opened while the disk did not answer, and has an id of its own.
  const otherTab = { ...laptop, id: "0190b2f4-0000-7000-8000-00000000000d" };
  const fields = { text: { value: "Mine", at: nextStamp(laptop.id, 5) } };
  const before = { ...emptyRecord, flow: "note", version: 1, snapshot: session, drafts: { body: fields } };
  const after = applySnapshot(theirs, otherTab, first)(before);
  expect(after).toMatchObject({ drafts: {}, shelved: [{ kind: "draft", mine: { text: "Mine" } }] });
});

describe.each([
  ["another tab of the device", laptop],
  ["another device", phone],
] as const)("a draft that the server accepted before %s submitted its step", (_, by) => {
  const fields = { text: { value: "Mine", at: nextStamp(laptop.id, 5) } };
  const draft: DraftCommand = { kind: "draft", id: command, session: session.id, version: 1, step: "body", fields };
  const drafted: Snapshot = { ...session, revision: 2, drafts: { body: fields } };
  const submittedNow: Snapshot = {
    ...session,
    revision: 3,
    data: { body: { text: "Theirs" } },
    submissions: { body: { command, at: session.updatedAt, device: by } },
    device: by,
  };
  const before = { ...emptyRecord, flow: "note", version: 1, snapshot: session };
  const outcomes = new Map([[command, { status: "accepted", revision: 2, replayed: false } as const]]);
  const answer = applyReply(
    { snapshot: drafted, outcomes, commands: [draft] },
    { flow: first, device: laptop, nowMs: 9 },
  );
  const typed = keepDraft("body", fields, 1);
  const heard = applySnapshot(submittedNow, laptop, first);

  test.each([
    ["after the answer", [typed, answer, heard]],
    ["before the answer", [typed, heard, answer]],
    ["before the draft was on the disk", [heard, typed, answer]],
    ["before the answer, which is applied again", [typed, answer, heard, answer]],
  ] as const)("S4: is not lost if the device hears of the submission %s", (_, updates) => {
    const after = updates.reduce((record: SessionRecord, update) => update(record), before);
    expect(after.snapshot).toEqual(submittedNow);
    if (by === laptop) expect(after).toMatchObject({ drafts: { body: fields }, shelved: [] });
    else expect(after).toMatchObject({ drafts: {}, shelved: [{ kind: "draft", mine: { text: "Mine" } }] });
  });
});

describe("S2: a command that one tab heard to be refused, and that the server accepted from another tab", () => {
  const refusal: Refusal = { code: "limit_reached", limit: "open sessions", atMost: 5, resetsAt: null };
  const refused = { outcome: { status: "refused", refusal } } as const;
  const shelf = { refusal, base: null, mine: null, step: null } as const;

  test("a start leaves the shelf when a snapshot of its session comes", () => {
    const before = { ...emptyRecord, flow: "note", version: 1, shelved: [{ ...shelf, id: command, kind: "start" }] };
    expect(applySnapshot(session, laptop, first)(before as SessionRecord).shelved).toEqual([]);
  });

  test("a submission leaves the shelf when the server has its value, and stays while it has another", () => {
    const change = { ...shelf, id: command, kind: "submit", step: "body", mine: { text: "Theirs" } } as const;
    const before: SessionRecord = { ...emptyRecord, flow: "note", version: 1, snapshot: session, shelved: [change] };
    const now = { ...submitted, version: 1, data: { body: { text: "Theirs" } } };
    const taken = { ...now, submissions: { body: submitted.submissions["content"]! } };
    expect(applySnapshot(taken, laptop, first)(before).shelved).toEqual([]);
    const other = { ...taken, data: { body: { text: "Else" } } };
    expect(applySnapshot(other, laptop, first)(before).shelved).toEqual([change]);
  });

  test("a refused cancellation stays on the shelf", () => {
    const change = { ...shelf, id: command, kind: "cancel" } as const;
    const before: SessionRecord = { ...emptyRecord, flow: "note", version: 1, shelved: [change] };
    expect(applySnapshot(session, laptop, first)(before).shelved).toEqual([change]);
  });

  test("its later acceptance counts", () => {
    const change = { ...shelf, id: command, kind: "submit", step: "body", mine: { text: "Mine" } } as const;
    const before: SessionRecord = {
      ...emptyRecord,
      flow: "note",
      version: 1,
      snapshot: session,
      shelved: [change],
      settled: [{ id: command, ...refused }],
    };
    const outcomes = new Map([[command, { status: "accepted", revision: 2, replayed: false } as const]]);
    const context = { flow: first, device: laptop, nowMs: 9 };
    const commands = [submit(session.id, "body", { text: "Mine" }, { id: command })];
    const after = applyReply({ snapshot: undefined, outcomes, commands }, context)(before);
    expect(after.shelved).toEqual([]);
    expect(after.settled).toEqual([{ id: command, outcome: { status: "accepted", revision: 2 } }]);
  });
});
