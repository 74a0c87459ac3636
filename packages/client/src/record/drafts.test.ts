import { nextStamp, type Drafts } from "@sessions/core/internal";
import fc from "fast-check";
import { expect, test } from "vitest";
import { submit } from "../../../core/src/testing/commands.ts";
import {
  changedFields,
  draftValues,
  mergeDrafts,
  newestSeenStamps,
  stampFields,
  keepDraft,
  dropDraft,
} from "./drafts.ts";
import { emptyRecord } from "./record.ts";

const begun = { ...emptyRecord, version: 1 };

const devices = ["0190b2f4-0000-7000-8000-000000000001", "0190b2f4-0000-7000-8000-000000000002"] as const;

/** Edits with a stamp each, as devices make them: no stamp is issued twice. */
const edits = fc.uniqueArray(
  fc.record({
    step: fc.constantFrom("recipient", "amount"),
    field: fc.constantFrom("name", "iban"),
    value: fc.oneof(fc.string({ maxLength: 3 }), fc.integer({ min: 0, max: 3 })),
    at: fc
      .tuple(fc.constantFrom(...devices), fc.integer({ min: 0, max: 20 }))
      .map(([device, ms]) => nextStamp(device, ms)),
  }),
  { selector: ({ at }) => at, maxLength: 12 },
);

const draftFieldsOf = ({
  step,
  field,
  value,
  at,
}: {
  step: string;
  field: string;
  value: string | number;
  at: string;
}): Drafts => ({
  [step]: { [field]: { value, at } },
});

test("S3: drafts merge to the same whatever the order, the grouping and the repetition", () => {
  fc.assert(
    fc.property(
      edits.chain((all) =>
        fc.tuple(
          fc.constant(all),
          fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 }),
          fc.nat(all.length * 2),
        ),
      ),
      ([all, shuffled, cut]) => {
        const merge = (some: typeof all) => some.map(draftFieldsOf).reduce(mergeDrafts, {});
        const inOrder = merge(all);
        expect(merge(shuffled)).toEqual(inOrder);
        expect(mergeDrafts(merge(shuffled.slice(0, cut)), merge(shuffled.slice(cut)))).toEqual(inOrder);
      },
    ),
  );
});

test("what is typed is newer than everything that the record has seen, even from a clock that runs ahead", () => {
  const newerOnServer = nextStamp(devices[1], 5_000);
  const record = { ...begun, drafts: { amount: { cents: { value: 1, at: newerOnServer } } } };
  const draftFields = stampFields(record, { cents: 2 }, devices[0], 1_000);
  expect(draftFields["cents"]!.at > newerOnServer).toBe(true);
  expect(draftValues(keepDraft("amount", draftFields, 1)(record).drafts)).toEqual({ amount: { cents: 2 } });
});

test("an acknowledged field is forgotten only as it was sent", () => {
  const sent = stampFields(begun, { name: "A", iban: "B" }, devices[0], 1);
  const before = keepDraft("recipient", sent, 1)(begun);
  const since = keepDraft("recipient", stampFields(before, { name: "Ada" }, devices[0], 2), 1)(before);
  const after = dropDraft("recipient", sent)(since);
  expect(draftValues(after.drafts)).toEqual({ recipient: { name: "Ada" } });
  expect(dropDraft("recipient", after.drafts["recipient"])(after).drafts).toEqual({});
  expect(dropDraft("recipient")(since).drafts).toEqual({});
  // Nothing of these is dropped.
  expect(dropDraft("recipient", sent)(after)).toBe(after);
  expect(dropDraft("amount")(since)).toBe(since);
  // A migration can leave a step without fields.
  expect(dropDraft("recipient", {})({ ...since, drafts: { recipient: {} } }).drafts).toEqual({});
});

test("what a draft shows already is not typed again", () => {
  const shown = stampFields(begun, { name: "Ada", tags: ["a"] }, devices[0], 1);
  expect(changedFields({ name: "Ada", tags: ["a"] }, shown)).toEqual({});
  // A field is emptied where something stands, and once.
  expect(changedFields({ name: undefined }, shown)).toEqual({ name: undefined });
  expect(changedFields({ iban: undefined }, shown)).toEqual({});
  expect(changedFields({ iban: undefined }, shown, { iban: "BE" })).toHaveProperty("iban");
  expect(changedFields({ iban: undefined }, { iban: { at: nextStamp(devices[0], 2) } }, { iban: "BE" })).toEqual({});
  expect(changedFields({ iban: null }, shown)).toEqual({ iban: null });
  expect(changedFields({ name: "Bob", tags: ["a", "b"] }, shown)).toEqual({ name: "Bob", tags: ["a", "b"] });
});

test("S2: a submission names the newest stamp of this device, and what is typed next is newer, on a slow clock too", () => {
  const [phone, laptop] = devices;
  const mine = { cents: { value: "1", at: nextStamp(phone, 50) } };
  const theirs = { note: { value: "x", at: nextStamp(laptop, 70) } };
  const before = keepDraft("amount", { ...mine, ...theirs }, 1)(begun);
  const until = newestSeenStamps(before, "amount");
  expect(until.sort()).toEqual([mine.cents.at, theirs.note.at].sort());
  expect(newestSeenStamps(before, "recipient")).toEqual([]);

  const queued = { ...begun, pending: [{ command: submit(phone, "amount", {}, { seenDrafts: until }), base: null }] };
  const [next] = Object.values(stampFields(queued, { cents: "12" }, phone, 10));
  expect(until.every((seen) => next!.at > seen)).toBe(true);
});
