import { stepOf, type AnyFlow } from "../flow/flow.ts";
import { submittedInput } from "./input.ts";
import { sameJson, storable, type Json, type Storable } from "../json.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { MAX_SEEN, slotOf, type Slot } from "../protocol/slot.ts";
import { clampStamp, deviceOf, newestOfEach, nextStamp, type Stamp } from "../protocol/stamp.ts";

/**
 * A step's draft with what came in, field by field the newest. A stamp that runs ahead of the clock is pulled back to
 * it, but not behind what it was typed over.
 */
export function mergeDraft(before: FieldDrafts, fields: FieldDrafts, nowMs: number): FieldDrafts {
  const edits = Object.entries(fields).map(([field, { value, at, seen }]) => {
    const clamped = clampStamp(at, nowMs);
    const stands = Object.hasOwn(before, field) ? before[field] : undefined;
    const isBehind = clamped !== at && stands !== undefined && stands.at > clamped;
    if (!isBehind) return [field, slotOf(value, clamped, seen)] as const;
    // It has come before.
    if (deviceOf(stands.at) === deviceOf(at) && sameJson(stands.value, value)) return [field, stands] as const;
    return [field, slotOf(value, nextStamp(deviceOf(at), nowMs, stands.at), seen)] as const;
  });
  return mergeFields(before, Object.fromEntries(edits));
}

/** The fields without those that a submission has seen; `typed` is the last stamp that it saw of each device. */
export function dropSubmitted(fields: FieldDrafts, typed: readonly Stamp[] = []): FieldDrafts {
  const last = lastOfEach(typed);
  const isLate = ({ at }: Slot) => at <= (last.get(deviceOf(at)) ?? "");
  return Object.fromEntries(Object.entries(fields).filter(([, field]) => !isLate(field)));
}

/** Of a draft that comes after a submission of its step: what that has not taken up. */
export function typedSince(fields: FieldDrafts, session: Snapshot, step: string, nowMs: number): FieldDrafts {
  const { typed = [] } = session.submissions[step] ?? {};
  const last = lastOfEach(typed);
  const stands = submittedInput(session, step) as Readonly<Record<string, Json>> | null | undefined;
  // A clock that runs ahead says nothing of what came first: that it says the same does.
  const isSame = ([field, { value, at }]: [string, Slot]) =>
    clampStamp(at, nowMs) !== at && last.has(deviceOf(at)) && sameJson(value, stands?.[field]);
  const since = Object.entries(dropSubmitted(fields, typed));
  return Object.fromEntries(since.filter((entry) => !isSame(entry)));
}

function lastOfEach(stamps: readonly Stamp[]): ReadonlyMap<string, Stamp> {
  return new Map(newestOfEach(stamps).map((at) => [deviceOf(at), at]));
}

/**
 * A step's draft as it can be kept: names and values are JSON. Its size is what was typed, as that of an input is; an
 * emptied field counts as one that holds null.
 */
export function storableDraft(fields: FieldDrafts): Storable {
  return storable(Object.fromEntries(Object.entries(fields).map(([field, { value = null }]) => [field, value])));
}

/** The drafts after a submission: its own are gone, and what cleared steps held is offered again. */
export function draftsAfter(
  flow: AnyFlow,
  session: Snapshot,
  step: string,
  cleared: ReadonlySet<string>,
): Snapshot["drafts"] {
  const { [step]: _submitted, ...drafts } = session.drafts;
  return restoreDrafts(flow, { ...session, drafts }, cleared);
}

/** The drafts with what cleared steps held, but for steps of which nothing is kept. */
export function restoreDrafts(flow: AnyFlow, session: Snapshot, cleared: ReadonlySet<string>): Snapshot["drafts"] {
  const drafts = { ...session.drafts };
  for (const name of cleared) {
    if (!stepOf(flow, name)!.kept || session.submissions[name] === undefined) continue;
    drafts[name] = mergeFields(drafts[name] ?? {}, asDraft(session, name));
  }
  return drafts;
}

/** What was typed for a submitted step as a draft, as old as its submission: what has been typed there since is newer, whenever it arrives. */
export function asDraft(session: Snapshot, step: string): FieldDrafts {
  const submission = session.submissions[step]!;
  const at = nextStamp(submission.device.id, Date.parse(submission.at));
  const others = (submission.typed ?? []).filter((typed) => deviceOf(typed) !== submission.device.id);
  const seen = newestOfEach(others).slice(-MAX_SEEN);
  const fields = Object.entries((submittedInput(session, step) ?? {}) as Record<string, Json>);
  return Object.fromEntries(fields.map(([field, value]) => [field, slotOf(value, at, seen)]));
}

/** What has been typed in one step, by field. */
export type FieldDrafts = Snapshot["drafts"][string];

/** What a form shows of them: the values without their stamps; `undefined` for a field that was emptied. */
export function fieldValues(fields: FieldDrafts): Record<string, Json | undefined> {
  return Object.fromEntries(Object.entries(fields).map(([field, { value }]) => [field, value]));
}

/** Field by field, the newest stands. */
export function mergeFields(drafts: FieldDrafts, edits: FieldDrafts): FieldDrafts {
  const after = { ...drafts };
  for (const [field, edit] of Object.entries(edits)) {
    if (!Object.hasOwn(after, field) || after[field]!.at < edit.at) after[field] = edit;
  }
  return after;
}
