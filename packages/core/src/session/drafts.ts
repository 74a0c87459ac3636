import { stepOf, type AnyFlow } from "../flow/flow.ts";
import { mapFields, pickFields } from "../fields.ts";
import { submittedInput } from "./input.ts";
import { sameJson, toStorableJson, type Json, type Storable } from "../json.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { MAX_SEEN, draftFieldOf, type DraftField } from "../protocol/draft-field.ts";
import { clampStamp, stampDevice, newestOfEach, nextStamp, type Stamp } from "../protocol/stamp.ts";

/**
 * Merges fields into a step's draft: the newest stamp of each field wins. A stamp that is ahead of the clock is set back to
 * the clock, but not before the stamp of the value that it replaces.
 */
export function mergeDraft(before: DraftFields, fields: DraftFields, nowMs: number): DraftFields {
  const edits = mapFields(fields, ({ value, at, seen }, field) => {
    const clamped = clampStamp(at, nowMs);
    const stands = Object.hasOwn(before, field) ? before[field] : undefined;
    const isBehind = clamped !== at && stands !== undefined && stands.at > clamped;
    if (!isBehind) return draftFieldOf(value, clamped, seen);
    // The same field has arrived before.
    if (stampDevice(stands.at) === stampDevice(at) && sameJson(stands.value, value)) return stands;
    return draftFieldOf(value, nextStamp(stampDevice(at), nowMs, stands.at), seen);
  });
  return mergeFields(before, edits);
}

/** The fields without those that a submission has seen. `seenDrafts` holds the last stamp of each device that it saw. */
export function withoutSeenFields(fields: DraftFields, seenDrafts: readonly Stamp[] = []): DraftFields {
  const last = lastOfEach(seenDrafts);
  const isLate = ({ at }: DraftField) => at <= (last.get(stampDevice(at)) ?? "");
  return pickFields(fields, (_, field) => !isLate(field));
}

/** The fields of a draft that the last submission of its step does not hold yet. */
export function fieldsTypedSince(fields: DraftFields, session: Snapshot, step: string, nowMs: number): DraftFields {
  const { seenDrafts = [] } = session.submissions[step] ?? {};
  const last = lastOfEach(seenDrafts);
  const stands = submittedInput(session, step) as Readonly<Record<string, Json>> | null | undefined;
  // A stamp of a clock that runs ahead does not tell what came first. An equal value tells that it was submitted.
  const isSame = (field: string, { value, at }: DraftField) =>
    clampStamp(at, nowMs) !== at && last.has(stampDevice(at)) && sameJson(value, stands?.[field]);
  return pickFields(withoutSeenFields(fields, seenDrafts), (field, draftField) => !isSame(field, draftField));
}

function lastOfEach(stamps: readonly Stamp[]): ReadonlyMap<string, Stamp> {
  return new Map(newestOfEach(stamps).map((at) => [stampDevice(at), at]));
}

/**
 * A step's draft as plain JSON, if it can be stored. Its size is the size of the typed values, as for an input. An emptied
 * field counts as null.
 */
export function storableDraft(fields: DraftFields): Storable {
  return toStorableJson(mapFields(fields, ({ value = null }) => value));
}

/** The drafts after a submission: those of its step are gone, and the input of cleared steps is a draft again. */
export function draftsAfter(
  flow: AnyFlow,
  session: Snapshot,
  step: string,
  cleared: ReadonlySet<string>,
): Snapshot["drafts"] {
  const { [step]: _submitted, ...drafts } = session.drafts;
  return restoreDrafts(flow, { ...session, drafts }, cleared);
}

/** The drafts with the input of cleared steps. Steps whose input is not kept are left out. */
export function restoreDrafts(flow: AnyFlow, session: Snapshot, cleared: ReadonlySet<string>): Snapshot["drafts"] {
  const drafts = { ...session.drafts };
  for (const name of cleared) {
    if (!stepOf(flow, name)!.queued || session.submissions[name] === undefined) continue;
    drafts[name] = mergeFields(drafts[name] ?? {}, asDraft(session, name));
  }
  return drafts;
}

/** The input of a submitted step as a draft. It has the time of the submission, so that all later typing is newer, no matter when it arrives. */
export function asDraft(session: Snapshot, step: string): DraftFields {
  const submission = session.submissions[step]!;
  const at = nextStamp(submission.device.id, Date.parse(submission.at));
  const others = (submission.seenDrafts ?? []).filter((stamp) => stampDevice(stamp) !== submission.device.id);
  const seen = newestOfEach(others).slice(-MAX_SEEN);
  const fields = (submittedInput(session, step) ?? {}) as Record<string, Json>;
  return mapFields(fields, (value) => draftFieldOf(value, at, seen));
}

/** The typed input of one step, by field. */
export type DraftFields = Snapshot["drafts"][string];

/** The values of the fields without their stamps; `undefined` for a field that was emptied. */
export function fieldValues(fields: DraftFields): Record<string, Json | undefined> {
  return mapFields(fields, ({ value }) => value);
}

/** Merges edits into drafts: the newest stamp of each field wins. */
export function mergeFields(drafts: DraftFields, edits: DraftFields): DraftFields {
  const after = { ...drafts };
  for (const [field, edit] of Object.entries(edits)) {
    if (!Object.hasOwn(after, field) || after[field]!.at < edit.at) after[field] = edit;
  }
  return after;
}
