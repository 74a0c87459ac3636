import {
  hasSeen,
  stampDevice,
  fieldValues,
  mapFields,
  mergeFields,
  newestOfEach,
  nextStamp,
  pickFields,
  sameJson,
  seenStamps,
  draftFieldOf,
  submittedInput,
  type Drafts,
  type Json,
  type DraftField,
  type Snapshot,
  type Stamp,
  type SubmitCommand,
} from "@sessions/core/internal";
import type { RecordUpdate, SessionRecord, StoredShelvedChange } from "./record.ts";

type DraftFields = Drafts[string];
/** A step's fields as a person or a caller gave them. */
export type Fields = Readonly<Record<string, Json | undefined>>;

/** Merges two devices' drafts. Each field keeps the value with the newer stamp, in either order of merging. */
export function mergeDrafts(left: Drafts, right: Drafts): Drafts {
  const merged: Drafts = { ...left };
  for (const [step, draftFields] of Object.entries(right)) {
    merged[step] = mergeFields(merged[step] ?? {}, draftFields);
  }
  return merged;
}

/** The values that a form shows, without their stamps; `undefined` for a field that was emptied. */
export function draftValues(drafts: Drafts): Record<string, Record<string, Json | undefined>> {
  return mapFields(drafts, fieldValues);
}

/** Stamps the fields that a person types now over the shown ones. The stamp is newer than every stamp in this record. */
export function stampFields(
  record: SessionRecord,
  fields: Fields,
  device: string,
  nowMs: number,
  shown: DraftFields = {},
): DraftFields {
  const at = nextStamp(device, nowMs, newestStamp(record));
  return mapFields(fields, (value, field) => draftFieldOf(value, at, seenStamps(ownDraftField(shown, field), device)));
}

/** Fields that are all empty. */
export function emptyFields(names: readonly string[]): Fields {
  return Object.fromEntries(names.map((field) => [field, undefined]));
}

/** A shelved draft with only the fields that pass a test; an empty list if no field passes. */
export function filterShelvedFields(
  change: StoredShelvedChange,
  test: (field: string) => boolean,
): StoredShelvedChange[] {
  const mine = pickFields(change.mine as Record<string, Json>, test);
  return Object.keys(mine).length > 0 ? [{ ...change, mine }] : [];
}

/** The step's submitted input by field, as it was typed; null or undefined for none. */
export function inputFields(session: Snapshot | null, step: string): Fields | null | undefined {
  return session && (submittedInput(session, step) as Fields | null | undefined);
}

/** The draft of a field. The field may have a name that every object has, such as "constructor". */
export function ownDraftField(draftFields: DraftFields | undefined, field: string): DraftField | undefined {
  return draftFields && Object.hasOwn(draftFields, field) ? draftFields[field] : undefined;
}

/**
 * Keeps typed fields until the server has them. They replace the same fields of drafts that were shelved for a conflict.
 * Fields of another version of the flow than the record's are kept apart.
 */
export function keepDraft(step: string, draftFields: DraftFields, version: number): RecordUpdate {
  return (record) =>
    record.version === version
      ? {
          ...record,
          drafts: mergeDrafts(record.drafts, { [step]: draftFields }),
          shelved: record.shelved.flatMap((change) => {
            if (change.kind !== "draft" || change.step !== step || change.refusal.code !== "conflict") return [change];
            const submitted = inputFields(record.snapshot, step);
            return filterShelvedFields(
              change,
              (field) => !Object.hasOwn(draftFields, field) || sameJson(draftFields[field]!.value, submitted?.[field]),
            );
          }),
        }
      : { ...record, otherVersionDrafts: [...record.otherVersionDrafts, { version, step, fields: draftFields }] };
}

/** Drops unsent fields of a step: those that still have the stamps of `draftFields`, or all. If there are none, it returns the same record. */
export function dropDraft(step: string, draftFields?: DraftFields): RecordUpdate {
  return (record) => {
    const { [step]: mine, ...others } = record.drafts;
    if (!mine) return record;
    const unsent = pickFields(mine, (field, { at }) => draftFields !== undefined && draftFields[field]?.at !== at);
    const count = Object.keys(unsent).length;
    // A migration may have left the step without fields.
    if (count && count === Object.keys(mine).length) return record;
    return { ...record, drafts: count ? { ...others, [step]: unsent } : others };
  };
}

/** The fields that differ from the shown draft. An empty field does not differ where neither the draft nor `data` has it. */
export function changedFields(fields: Fields, shown: DraftFields | undefined, data?: Fields | null): Fields {
  const isShown = (field: string, value: Json | undefined) => {
    const draftField = ownDraftField(shown, field);
    return draftField ? sameJson(value, draftField.value) : value === undefined && data?.[field] === undefined;
  };
  return pickFields(fields, (field, value) => !isShown(field, value));
}

/**
 * The newest stamp of each device that the person has seen in a step's drafts.
 * - The screen shows the newest value of each field, sent or not. Its stamp counts, and the stamps that it has seen.
 * - The server may have a value A, and this device a newer value B that had not seen A. The screen shows B and hides A. Then
 *   the device of A counts only with stamps that are older than A.
 * - A pending submission hides all drafts of its step that the server has. Then the stamps that it has seen count instead.
 */
export function newestSeenStamps(record: SessionRecord, step: string): Stamp[] {
  const { snapshot, drafts } = record;
  const submissions = pendingSubmitCommands(record, step);
  const sent = submissions.length > 0 ? {} : (snapshot?.drafts[step] ?? {});
  const shown = mergeFields(sent, drafts[step] ?? {});
  const unseen = Object.entries(sent).filter(([field, { at }]) => !hasSeen(shown[field]!, at));
  const isSeen = (stamp: Stamp) => !unseen.some(([, { at }]) => stampDevice(at) === stampDevice(stamp) && at <= stamp);
  const seen = Object.values(shown).flatMap(({ at, seen: earlier = [] }) => [...earlier, at]);
  return newestOfEach([...seenStampsOf(submissions), ...seen.filter(isSeen)]);
}

/** The submissions of a step that wait to be sent, the oldest first. */
export function pendingSubmitCommands({ pending }: SessionRecord, step: string): readonly SubmitCommand[] {
  return pending.flatMap(({ command }) => (command.kind === "submit" && command.step === step ? [command] : []));
}

/** The stamps that submissions have seen. */
export function seenStampsOf(submissions: readonly SubmitCommand[]): Stamp[] {
  return submissions.flatMap(({ seenDrafts = [] }) => seenDrafts);
}

/** The newest stamp in a record. It includes the stamps of submissions: the next stamp must be newer than theirs, too. */
function newestStamp({ snapshot, drafts, otherVersionDrafts, pending }: SessionRecord): Stamp | undefined {
  const draftFields = [snapshot?.drafts ?? {}, drafts].flatMap((all) =>
    Object.values(all).flatMap(Object.values<DraftFields[string]>),
  );
  const otherVersion = otherVersionDrafts.flatMap(({ fields }) => Object.values(fields));
  const submitted = [
    ...Object.values(snapshot?.submissions ?? {}),
    ...pending.flatMap(({ command }) => (command.kind === "submit" ? [command] : [])),
  ].flatMap(({ seenDrafts }) => seenDrafts ?? []);
  return newest([...[...draftFields, ...otherVersion].map(({ at }) => at), ...submitted]);
}

export function newest(stamps: readonly Stamp[]): Stamp | undefined {
  return [...stamps].sort().at(-1);
}

/** When each field was typed. */
export function stampsOf(draftFields: DraftFields): Record<string, Stamp> {
  return mapFields(draftFields, ({ at }) => at);
}
