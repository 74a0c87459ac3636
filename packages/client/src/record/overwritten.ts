import {
  pickFields,
  hasSeen,
  stampDevice,
  mergeFields,
  sameJson,
  submittedInput,
  type Drafts,
  type Json,
  type Refusal,
  type DraftField,
  type Snapshot,
  type Stamp,
} from "@sessions/core/internal";
import { shelveDraft } from "./conflict.ts";
import { dropDraft, filterShelvedFields, newest, ownDraftField, stampsOf } from "./drafts.ts";
import type { RecordUpdate, Overwritten, SessionRecord } from "./record.ts";

/**
 * Shelves fields that were typed here, `mine` or unsent, if another device replaced them with a newer value without having
 * seen them, and that value differs. A step has one entry, so two people who type at once do not fill the shelf.
 */
export function shelveOverwritten(mine: Drafts = {}): RecordUpdate {
  return (record) => {
    const { snapshot } = record;
    if (snapshot === null) return record;
    return Object.entries(snapshot.drafts).reduce((updated, [step, theirs]) => {
      const draftFields = mergeFields(mine[step] ?? {}, record.drafts[step] ?? {});
      const replaced = pickFields(draftFields, (field, draftField) =>
        isReplacedUnseen(draftField, ownDraftField(theirs, field)),
      );
      const lost = pickFields(
        replaced,
        (field, { value }) => !isBlank(value) && !sameJson(value, theirs[field]!.value),
      );
      const left = dropDraft(step, replaced)(updated);
      const [first] = Object.values(lost);
      if (first === undefined) return left;
      const theirNewest = newest(Object.keys(lost).map((field) => theirs[field]!.at))!;
      const change = {
        id: first.at,
        step,
        refusal: { code: "conflict", step, changed: [step], theirs: null } satisfies Refusal,
        base: submittedInput(snapshot, step) ?? null,
        over: { ...overwriterOf(theirNewest, snapshot), typedAt: stampsOf(lost) },
      };
      return shelveDraft(change, lost)(left);
    }, record);
  };
}

/** Removes shelved fields that the server's drafts have seen by now. */
export function dropSeen(record: SessionRecord): SessionRecord {
  const shelved = record.shelved.flatMap((change) => {
    if (change.over === undefined) return [change];
    const theirs = record.snapshot?.drafts[change.step ?? ""];
    const { typedAt } = change.over;
    return filterShelvedFields(change, (field) => {
      const draftField = ownDraftField(theirs, field);
      return !(draftField && Object.hasOwn(typedAt, field) && hasSeen(draftField, typedAt[field]!));
    });
  });
  return { ...record, shelved };
}

function isReplacedUnseen({ at }: DraftField, theirs: DraftField | undefined): boolean {
  return theirs !== undefined && theirs.at > at && !hasSeen(theirs, at);
}

/** Whether a value is empty: nobody wants it back. */
function isBlank(value: Json | undefined): boolean {
  if (typeof value === "string") return value.trim() === "";
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

function overwriterOf(at: Stamp, { device, submissions }: Snapshot): Overwritten {
  const id = stampDevice(at);
  const known = [device, ...Object.values(submissions).map((submission) => submission.device)];
  const name = known.find((one) => one.id === id)?.name ?? null;
  return { device: { id, name }, at: new Date(Number(at.slice(0, 15))).toISOString() };
}
