import {
  covers,
  deviceOf,
  fieldValues,
  mergeFields,
  newestOfEach,
  nextStamp,
  sameJson,
  seenIn,
  slotOf,
  submittedInput,
  type Drafts,
  type Json,
  type Slot,
  type Stamp,
} from "@sessions/core";
import type { RecordUpdate, SessionRecord } from "./record.ts";

type FieldDrafts = Drafts[string];
/** A step's fields as somebody gave them. */
export type Fields = Readonly<Record<string, Json | undefined>>;

/** Two devices' drafts together: in each field the newer stamp stands, whatever the order of merging. */
export function mergeDrafts(left: Drafts, right: Drafts): Drafts {
  const merged: Drafts = { ...left };
  for (const [step, slots] of Object.entries(right)) {
    merged[step] = mergeFields(merged[step] ?? {}, slots);
  }
  return merged;
}

/** What a form shows: the values without their stamps; `undefined` for a field that was emptied. */
export function draftValues(drafts: Drafts): Record<string, Record<string, Json | undefined>> {
  return mapValues(drafts, fieldValues);
}

/** Stamps what is typed now over what is shown: newer than everything that this record has seen. */
export function stampFields(
  record: SessionRecord,
  fields: Fields,
  device: string,
  nowMs: number,
  shown: FieldDrafts = {},
): FieldDrafts {
  const at = nextStamp(device, nowMs, newestStamp(record));
  return Object.fromEntries(
    Object.entries(fields).map(([field, value]) => [field, slotOf(value, at, seenIn(ownSlot(shown, field), device))]),
  );
}

/** A field's slot: its name may be one that every object has. */
export function ownSlot(slots: FieldDrafts | undefined, field: string): Slot | undefined {
  return slots && Object.hasOwn(slots, field) ? slots[field] : undefined;
}

/**
 * Keeps fields until the server has them, which were typed at this version of the flow. They replace what was typed
 * in them before and is kept aside.
 */
export function keepDraft(step: string, slots: FieldDrafts, version: number): RecordUpdate {
  return (record) =>
    record.version === version
      ? {
          ...record,
          drafts: mergeDrafts(record.drafts, { [step]: slots }),
          shelved: record.shelved.flatMap((entry) => {
            if (entry.kind !== "draft" || entry.step !== step || entry.refusal.code !== "conflict") return [entry];
            const stands = record.snapshot && (submittedInput(record.snapshot, step) as Fields | null | undefined);
            const left = Object.entries(entry.mine as Fields).filter(
              ([field]) => !Object.hasOwn(slots, field) || sameJson(slots[field]!.value, stands?.[field]),
            );
            return left.length > 0 ? [{ ...entry, mine: Object.fromEntries(left) }] : [];
          }),
        }
      : { ...record, otherVersionDrafts: [...record.otherVersionDrafts, { version, step, slots }] };
}

/** Forgets unsent fields of a step: those that are as given, or all. */
export function dropDraft(step: string, slots?: FieldDrafts): RecordUpdate {
  return (record) => {
    const { [step]: mine = {}, ...others } = record.drafts;
    const kept = Object.entries(mine).filter(([field, { at }]) => slots !== undefined && slots[field]?.at !== at);
    return { ...record, drafts: kept.length > 0 ? { ...others, [step]: Object.fromEntries(kept) } : others };
  };
}

/** Leaves out what a draft shows already: that a field is empty, it shows where nothing stands. */
export function changedFields(fields: Fields, shown: FieldDrafts | undefined, data?: Fields | null): Fields {
  const isShown = (field: string, value: Json | undefined) => {
    const slot = ownSlot(shown, field);
    return slot ? sameJson(value, slot.value) : value === undefined && data?.[field] === undefined;
  };
  return Object.fromEntries(Object.entries(fields).filter(([field, value]) => !isShown(field, value)));
}

/**
 * The newest stamp of each device in a step's drafts as they are seen here, sent or not: older than what is not seen,
 * since something newer that had not seen it stands in its place.
 */
export function newestTyped({ snapshot, drafts }: SessionRecord, step: string): Stamp[] {
  const sent = snapshot?.drafts[step] ?? {};
  const shown = mergeFields(sent, drafts[step] ?? {});
  const unseen = Object.entries(sent).filter(([field, { at }]) => !covers(shown[field]!, at));
  const isSeen = (stamp: Stamp) => !unseen.some(([, { at }]) => deviceOf(at) === deviceOf(stamp) && at <= stamp);
  return newestOfEach(
    Object.values(shown)
      .flatMap(({ at, seen = [] }) => [...seen, at])
      .filter(isSeen),
  );
}

/** What was typed before a submission has left the drafts, and still what is typed next must be newer. */
function newestStamp({ snapshot, drafts, otherVersionDrafts, pending }: SessionRecord): Stamp | undefined {
  const slots = [snapshot?.drafts ?? {}, drafts].flatMap((all) =>
    Object.values(all).flatMap(Object.values<FieldDrafts[string]>),
  );
  const beside = otherVersionDrafts.flatMap(({ slots: typedThen }) => Object.values(typedThen));
  const submitted = [
    ...Object.values(snapshot?.submissions ?? {}),
    ...pending.flatMap(({ command }) => (command.kind === "submit" ? [command] : [])),
  ].flatMap(({ typed: until }) => until ?? []);
  return newest([...[...slots, ...beside].map(({ at }) => at), ...submitted]);
}

function newest(stamps: readonly Stamp[]): Stamp | undefined {
  return stamps.reduce<Stamp | undefined>((last, at) => (last === undefined || last < at ? at : last), undefined);
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
