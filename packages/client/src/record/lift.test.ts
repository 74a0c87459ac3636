import { advance, nextStamp, type AnyFlow, type Refusal } from "@sessions/core/internal";
import { expect, test } from "vitest";
import { start } from "../../../core/src/testing/commands.ts";
import { keepDraft } from "./drafts.ts";
import { liftRecord } from "./lift.ts";
import { emptyRecord, type SessionRecord } from "./record.ts";
import { transfer } from "../testing/transfer.ts";

const device = "0190b2f4-0000-7000-8000-00000000000a";
const draftField = (value: string, ms: number) => ({ value, at: nextStamp(device, ms) });
const later: AnyFlow = {
  ...transfer,
  version: 2,
  migrate: { 1: { payee: { to: "recipient" }, recipient: ({ name, iban }) => ({ name, iban }) } },
};
const submission = { command: device, at: "2026-11-28T00:00:00.000Z", device: { id: device, name: "Phone" } };
const flow: AnyFlow = transfer;
const begun = advance(flow, null, start(device, "transfer"), { device: submission.device, nowMs: 1_000 });
const emptySession = (begun as Extract<typeof begun, { accepted: true }>).session;
const record: SessionRecord = { ...emptyRecord, flow: "transfer", version: 1 };

test("S12: what tabs of two versions typed in one field ends as the newest, whichever was written last", () => {
  for (const [old, now] of [
    [1, 2],
    [2, 1],
  ] as const) {
    const lifted = liftRecord(later, keepDraft("recipient", { name: draftField("Old", old) }, 1)(record));
    const both = [
      keepDraft("recipient", { name: draftField("New", now) }, 2),
      keepDraft("recipient", { name: draftField("Old", old) }, 1),
    ].reduce((before, change) => change(before), lifted);
    expect(both.otherVersionDrafts).toHaveLength(1);
    const folded = liftRecord(later, both);
    expect(folded.drafts["recipient"]?.["name"]?.value).toBe(old > now ? "Old" : "New");
    expect(folded.otherVersionDrafts).toEqual([]);
  }
});

test("S12: what is typed at a later version than the record waits for a page that can read both", () => {
  const stranded = { ...later, migrate: {} };
  const before = keepDraft("recipient", { name: draftField("Old", 1) }, 1)(record);
  expect(liftRecord(stranded, before)).toBe(before);
  const drafted = keepDraft("recipient", { iban: draftField("New", 2) }, 2)(before);
  expect(liftRecord(stranded, drafted)).toBe(drafted);
  expect(liftRecord(transfer, drafted)).toBe(drafted);
  expect(liftRecord(later, drafted)).toMatchObject({
    version: 2,
    drafts: { recipient: { name: { value: "Old" }, iban: { value: "New" } } },
    otherVersionDrafts: [],
  });
});

test("S12: a record of a later version, or of a flow that the page does not know, stays as it is", () => {
  const newerOnServer = { ...record, version: 3 };
  expect(liftRecord(later, newerOnServer)).toBe(newerOnServer);
  expect(liftRecord(undefined, record)).toBe(record);
  expect(liftRecord(later, emptyRecord)).toBe(emptyRecord);
});

test("S12: a shelved change is offered again in today's words", () => {
  const refusal = { code: "failed" } as const;
  const change = { id: device, refusal, base: { name: "A", iban: "B" }, mine: { name: "C", iban: "D", was: 1 } };
  const shelved = [{ ...change, kind: "submit", step: "recipient" } as const];
  expect(liftRecord(later, { ...record, shelved }).shelved).toEqual([
    { ...shelved[0], mine: { name: "C", iban: "D" }, base: { name: "A", iban: "B" } },
  ]);
});

test("S12: of what was kept aside of a draft a migration makes what it makes of the draft, beside what stands", () => {
  const whole: AnyFlow = {
    ...transfer,
    version: 2,
    migrate: {
      1: { recipient: ({ name, title, iban }) => ({ name: [title, name].map(String).join(" "), iban, country: "BE" }) },
    },
  };
  const at = nextStamp(device, 5);
  const by = { device: { id: device, name: null }, at: "2026-11-28T00:00:00.000Z" };
  const refusal: Refusal = { code: "conflict", step: "recipient", changed: ["recipient"], theirs: null };
  const base = { title: "Dr.", name: "Ada", iban: "B" };
  const change = { id: device, kind: "draft", step: "recipient", refusal, base, mine: { name: "Eve" } } as const;
  const stands = { ...emptySession, data: { recipient: base }, submissions: { recipient: submission } };
  const shelved = [change, { ...change, over: { ...by, typedAt: { name: at } } }];
  const lifted = liftRecord(whole, { ...record, snapshot: stands, shelved }).shelved;
  expect(lifted.map(({ mine }) => mine)).toEqual([{ name: "Dr. Eve" }, { name: "Dr. Eve" }]);
  expect(lifted[1]!.over).toEqual({ ...by, typedAt: { name: at } });
});
