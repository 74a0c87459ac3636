import { stepOf, type AnyFlow } from "./flow.ts";
import type { Json } from "./json.ts";
import type { Snapshot } from "./snapshot.ts";
import { clampStamp, deviceOf, nextStamp, type Stamp } from "./stamp.ts";

/** A step's draft with what came in, field by field the newest. A stamp that runs ahead of the clock is pulled back to it. */
export function mergeDraft(before: FieldDrafts, fields: FieldDrafts, nowMs: number): FieldDrafts {
  const edits = Object.entries(fields).map(([field, { value, at }]) => {
    return [field, { value, at: clampStamp(at, nowMs) }] as const;
  });
  return mergeFields(before, Object.fromEntries(edits));
}

/** The fields without those that a device typed before it submitted the step; `typed` is the last of their stamps. */
export function unsubmitted(fields: FieldDrafts, typed: Stamp | undefined): FieldDrafts {
  if (typed === undefined) return fields;
  const late = ({ at }: FieldDrafts[string]) => deviceOf(at) === deviceOf(typed) && at <= typed;
  return Object.fromEntries(Object.entries(fields).filter(([, field]) => !late(field)));
}

/** The drafts after a submission: its own are gone, and what cleared steps held is offered again. */
export function draftsAfter(
  flow: AnyFlow,
  session: Snapshot,
  step: string,
  cleared: ReadonlySet<string>,
): Snapshot["drafts"] {
  const { [step]: _submitted, ...drafts } = session.drafts;
  return offered(flow, { ...session, drafts }, cleared);
}

/** The drafts with what cleared steps held, but for steps that confirm something. */
export function offered(flow: AnyFlow, session: Snapshot, cleared: ReadonlySet<string>): Snapshot["drafts"] {
  const drafts = { ...session.drafts };
  for (const name of cleared) {
    if (stepOf(flow, name)!.confirm || session.submissions[name] === undefined) continue;
    drafts[name] = mergeFields(drafts[name] ?? {}, held(session, name));
  }
  return drafts;
}

/** What a submitted step holds as a draft, as old as its submission: what has been typed there since is newer, whenever it arrives. */
export function held(session: Snapshot, step: string): FieldDrafts {
  const submission = session.submissions[step]!;
  const at = nextStamp(submission.device.id, Date.parse(submission.at));
  const fields = Object.entries(session.data[step] as Record<string, Json>);
  return Object.fromEntries(fields.map(([field, value]) => [field, { value, at }]));
}

/** What has been typed in one step, by field. */
export type FieldDrafts = Snapshot["drafts"][string];

/** Field by field, the newest stands. */
export function mergeFields(drafts: FieldDrafts, edits: FieldDrafts): FieldDrafts {
  const after = { ...drafts };
  for (const [field, edit] of Object.entries(edits)) {
    if (!Object.hasOwn(after, field) || after[field]!.at < edit.at) after[field] = edit;
  }
  return after;
}
