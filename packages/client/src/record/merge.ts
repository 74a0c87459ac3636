import { mergeDrafts } from "./drafts.ts";
import { shelveOverwritten } from "./overwritten.ts";
import { isUnknownOutcome } from "./queue.ts";
import { isOlder, type SessionRecord } from "./record.ts";

/**
 * Merges two copies of one session's record. Nothing that either has is lost, and nothing is there twice. A command that
 * either knows to be settled waits no more.
 */
export function mergeRecords(left: SessionRecord, right: SessionRecord): SessionRecord {
  const settled = union(left.settled, right.settled, ({ id }) => id);
  const shelved = union(left.shelved, right.shelved, ({ id }) => id);
  const done = new Set([...settled, ...shelved].map(({ id }) => id));
  const answered = new Set(settled.filter(({ outcome }) => !isUnknownOutcome(outcome)).map(({ id }) => id));
  // Each copy has the commands that its own commands need, so no command of the left needs one that only the right has.
  const pending = union(left.pending, right.pending, ({ command }) => command.id).filter(
    ({ command }) => !done.has(command.id),
  );
  const behind = left.version - right.version || (isOlder(left.snapshot, right.snapshot) ? -1 : 0);
  const [record, other] = behind < 0 ? [right, left] : [left, right];
  // Drafts of another version are kept apart until they can be lifted.
  const others = record.version === other.version ? {} : other.drafts;
  const otherVersion = Object.entries(others).map(([step, draftFields]) => ({
    version: other.version,
    step,
    fields: draftFields,
  }));
  // A field that one copy typed may be replaced in the other's newer snapshot.
  return shelveOverwritten()({
    ...record,
    flow: left.flow || right.flow,
    pending,
    drafts: otherVersion.length > 0 ? record.drafts : mergeDrafts(left.drafts, right.drafts),
    otherVersionDrafts: union([...left.otherVersionDrafts, ...right.otherVersionDrafts], otherVersion, (typed) =>
      JSON.stringify(typed),
    ),
    shelved,
    settled,
    confirmation: [left.confirmation, right.confirmation].find((noted) => noted && !answered.has(noted.id)) ?? null,
  });
}

function union<T>(left: readonly T[], right: readonly T[], idOf: (entry: T) => string): T[] {
  return [...new Map([...left, ...right].map((entry) => [idOf(entry), entry])).values()];
}
