import { stepOf, type AnyFlow } from "./flow.ts";
import { sameJson, type Json } from "./json.ts";
import type { Snapshot } from "./snapshot.ts";
import { MAX_SEEN, slotOf } from "./slot.ts";
import { clampStamp, deviceOf, newestOfEach, nextStamp, type Stamp } from "./stamp.ts";

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
export function unsubmitted(fields: FieldDrafts, typed: readonly Stamp[] = []): FieldDrafts {
  const lasts = new Map<string, Stamp>();
  for (const last of typed) {
    const device = deviceOf(last);
    if (last > (lasts.get(device) ?? "")) lasts.set(device, last);
  }
  const late = ({ at }: FieldDrafts[string]) => at <= (lasts.get(deviceOf(at)) ?? "");
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

/** The drafts with what cleared steps held, but for steps of which nothing is kept. */
export function offered(flow: AnyFlow, session: Snapshot, cleared: ReadonlySet<string>): Snapshot["drafts"] {
  const drafts = { ...session.drafts };
  for (const name of cleared) {
    if (!stepOf(flow, name)!.kept || session.submissions[name] === undefined) continue;
    drafts[name] = mergeFields(drafts[name] ?? {}, held(session, name));
  }
  return drafts;
}

/** What a submitted step holds as a draft, as old as its submission: what has been typed there since is newer, whenever it arrives. */
export function held(session: Snapshot, step: string): FieldDrafts {
  const submission = session.submissions[step]!;
  const at = nextStamp(submission.device.id, Date.parse(submission.at));
  const others = (submission.typed ?? []).filter((typed) => deviceOf(typed) !== submission.device.id);
  const seen = newestOfEach(others).slice(-MAX_SEEN);
  const fields = Object.entries((session.data[step] ?? {}) as Record<string, Json>);
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
