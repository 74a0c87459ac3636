import fc from "fast-check";
import { expect, test } from "vitest";
import { cancel, idOf } from "../../../core/src/testing/commands.ts";
import { mergeDrafts } from "./drafts.ts";
import { emptyRecord, type SessionRecord } from "./record.ts";
import { mergeRecords } from "./merge.ts";

const session = idOf(0);

function pendingOf(index: number): SessionRecord["pending"][number] {
  return { command: cancel(session, { id: idOf(index) }), base: null };
}

/** Steps of the record's life: a command is queued, settled or shelved, or a field is typed. Ids are made here alone. */
const steps = (firstId: number) =>
  fc.array(
    fc
      .record({
        command: fc.integer({ min: 1, max: 9 }),
        fate: fc.constantFrom("queued", "settled", "shelved", "typed"),
        ours: fc.boolean(),
      })
      .map(({ command, fate, ours }) => ({
        command: fate === "queued" || (ours && fate !== "typed") ? firstId + command : command,
        fate,
      })),
    { maxLength: 25 },
  );
type Step = { readonly command: number; readonly fate: string };

function stepped(record: SessionRecord, { command, fate }: Step): SessionRecord {
  const has = record.pending.some((entry) => entry.command.id === idOf(command));
  const known = has || record.settled.some((entry) => entry.id === idOf(command));
  if (fate === "queued") return known ? record : { ...record, pending: [...record.pending, pendingOf(command)] };
  if (fate === "typed") {
    const at = `00000000000000${command}-0000-${session}`;
    return { ...record, drafts: mergeDrafts(record.drafts, { amount: { cents: { value: command, at } } }) };
  }
  if (!has) return record;
  const refusal = { code: "failed" } as const;
  const shelved = { id: idOf(command), kind: "cancel", step: null, refusal, base: null, mine: null } as const;
  return {
    ...record,
    pending: record.pending.filter((entry) => entry.command.id !== idOf(command)),
    settled: [...record.settled, { id: idOf(command), outcome: { status: "refused", refusal } }],
    shelved: fate === "shelved" ? [...record.shelved, shelved] : record.shelved,
  };
}

const lived = (record: SessionRecord, life: readonly Step[]) => life.reduce(stepped, record);
const commandsOf = ({ pending, settled }: SessionRecord) =>
  [...pending.map(({ command }) => command.id), ...settled.map((entry) => entry.id)].toSorted();

test("S4: two views of one record together lose nothing, double nothing, keep order and wait for nothing settled", () => {
  fc.assert(
    fc.property(steps(0), steps(20), steps(10), (before, here, there) => {
      const common = lived(emptyRecord, before);
      const [mine, theirs] = [lived(common, here), lived(common, there)];
      const both = mergeRecords(mine, theirs);
      const all = new Set([...commandsOf(mine), ...commandsOf(theirs)]);
      expect(commandsOf(both)).toEqual([...all].toSorted());
      for (const { id: settled } of [...mine.settled, ...theirs.settled]) {
        expect(both.pending.map(({ command }) => command.id)).not.toContain(settled);
      }
      // The order of their ids does not count: a clock may have been set back.
      for (const view of [mine, theirs]) {
        const left = view.pending.filter((entry) => both.pending.includes(entry));
        expect(both.pending.filter((entry) => left.includes(entry))).toEqual(left);
      }
      const shelved = both.shelved.map((entry) => entry.id);
      expect(new Set(shelved)).toEqual(new Set([...mine.shelved, ...theirs.shelved].map((entry) => entry.id)));
      expect(shelved).toHaveLength(new Set(shelved).size);
      expect(both.drafts).toEqual(mergeDrafts(mine.drafts, theirs.drafts));
      // A second merge, in either order, gives the same record.
      expect(mergeRecords(both, theirs)).toEqual(both);
      expect(commandsOf(mergeRecords(theirs, mine))).toEqual(commandsOf(both));
    }),
  );
});

test("S2: of two views the confirm step stays asked for until one of them knows what became of it", () => {
  const confirmation = { id: idOf(1), step: "review", atMs: 1 };
  const told = (outcome: SessionRecord["settled"][number]["outcome"]): SessionRecord => ({
    ...emptyRecord,
    settled: [{ id: confirmation.id, outcome }],
  });
  const mine = { ...emptyRecord, confirmation };
  const unknown = told({ status: "unknown" });
  expect([mergeRecords(mine, unknown).confirmation, mergeRecords(unknown, mine).confirmation]).toEqual([
    confirmation,
    confirmation,
  ]);
  expect(mergeRecords(mine, told({ status: "accepted", revision: 4 })).confirmation).toBeNull();
});
