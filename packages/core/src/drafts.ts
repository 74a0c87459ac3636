import { stepOf, type AnyFlow } from "./flow.ts";
import type { Json } from "./json.ts";
import type { Snapshot } from "./snapshot.ts";
import { clampStamp, deviceOf, nextStamp, type Stamp } from "./stamp.ts";

/** A step's draft with what came in, field by field the newest. A stamp that runs ahead of the clock is pulled back to it. */
export function mergeDraft(before: FieldDrafts, fields: FieldDrafts, nowMs: number): FieldDrafts {
  const edits = Object.entries(fields).map(([field, { value, at }]) => {
    return [field, { value, at: clampStamp(at, nowMs) }] as const;
  });
  return newest(before, edits);
}

/** The fields without those that a device typed before it submitted the step; `typed` is the last of their stamps. */
export function unsubmitted(fields: FieldDrafts, typed: Stamp | undefined): FieldDrafts {
  if (typed === undefined) return fields;
  const late = ({ at }: FieldDrafts[string]) => deviceOf(at) === deviceOf(typed) && at <= typed;
  return Object.fromEntries(Object.entries(fields).filter(([, field]) => !late(field)));
}

/** The drafts after a submission: its own are gone; what a cleared step held is offered again, unless it confirms something. */
export function draftsAfter(
  flow: AnyFlow,
  session: Snapshot,
  step: string,
  cleared: ReadonlySet<string>,
): Snapshot["drafts"] {
  const { [step]: _submitted, ...drafts } = session.drafts;
  for (const name of cleared) {
    const submission = session.submissions[name];
    if (stepOf(flow, name)!.confirm || submission === undefined) continue;
    // As old as its submission: what has been typed there since is newer, whenever it arrives.
    const at = nextStamp(submission.device.id, Date.parse(submission.at));
    const fields = Object.entries(session.data[name] as Record<string, Json>);
    drafts[name] = newest(
      drafts[name] ?? {},
      fields.map(([field, value]) => [field, { value, at }]),
    );
  }
  return drafts;
}

/** What has been typed in one step, by field. */
export type FieldDrafts = Snapshot["drafts"][string];

/** Field by field, the newest stands. */
function newest(drafts: FieldDrafts, edits: readonly (readonly [string, FieldDrafts[string]])[]): FieldDrafts {
  const after = { ...drafts };
  for (const [field, edit] of edits) {
    if (!Object.hasOwn(after, field) || after[field]!.at < edit.at) after[field] = edit;
  }
  return after;
}
