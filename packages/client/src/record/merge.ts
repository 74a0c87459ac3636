import { mergeDrafts } from "./drafts.ts";
import { keepOverwritten } from "./overwritten.ts";
import { isUnknownOutcome } from "./queue.ts";
import { isOlder, type SessionRecord } from "./record.ts";

/**
 * Two views of one session that come from one record: nothing that either has is lost, nothing is there twice,
 * and what either knows to be settled does not wait any more.
 */
export function mergeRecords(left: SessionRecord, right: SessionRecord): SessionRecord {
  const settled = union(left.settled, right.settled, ({ id }) => id);
  const shelved = union(left.shelved, right.shelved, ({ id }) => id);
  const done = new Set([...settled, ...shelved].map(({ id }) => id));
  const answered = new Set(settled.filter(({ settlement }) => !isUnknownOutcome(settlement)).map(({ id }) => id));
  // Either has what its own commands build on, so that none of the left's waits for one that only the right has.
  const pending = union(left.pending, right.pending, ({ command }) => command.id).filter(
    ({ command }) => !done.has(command.id),
  );
  const behind = left.version - right.version || (isOlder(left.snapshot, right.snapshot) ? -1 : 0);
  const [record, other] = behind < 0 ? [right, left] : [left, right];
  // Words of another version are kept apart until they can be lifted.
  const apart = record.version === other.version ? {} : other.drafts;
  const aside = Object.entries(apart).map(([step, slots]) => ({ version: other.version, step, slots }));
  // What either typed may have been replaced in what the other has heard.
  return keepOverwritten()({
    ...record,
    flow: left.flow || right.flow,
    pending,
    drafts: aside.length > 0 ? record.drafts : mergeDrafts(left.drafts, right.drafts),
    otherVersionDrafts: union([...left.otherVersionDrafts, ...right.otherVersionDrafts], aside, (typed) =>
      JSON.stringify(typed),
    ),
    shelved,
    settled,
    confirmation: [left.confirmation, right.confirmation].find((asked) => asked && !answered.has(asked.id)) ?? null,
  });
}

function union<T>(left: readonly T[], right: readonly T[], idOf: (entry: T) => string): T[] {
  return [...new Map([...left, ...right].map((entry) => [idOf(entry), entry])).values()];
}
