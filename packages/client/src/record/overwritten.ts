import {
  covers,
  deviceOf,
  mergeFields,
  sameJson,
  submittedInput,
  type Drafts,
  type Json,
  type Refusal,
  type Slot,
  type Snapshot,
  type Stamp,
} from "@sessions/core";
import { shelvedDraft } from "./conflict.ts";
import { ownSlot, dropDraft } from "./drafts.ts";
import type { RecordUpdate, Overwritten, SessionRecord } from "./record.ts";

/**
 * Keeps aside what was typed here, `mine` or unsent, and that a newer value of another device has replaced without
 * having seen it, when that says something else. One entry a step: typing live on two devices makes no pile.
 */
export function keepOverwritten(mine: Drafts = {}): RecordUpdate {
  return (record) => {
    const { snapshot } = record;
    if (snapshot === null) return record;
    return Object.entries(snapshot.drafts).reduce((kept, [step, stands]) => {
      const slots = mergeFields(mine[step] ?? {}, record.drafts[step] ?? {});
      const lost = Object.entries(slots).filter(([field, slot]) => isReplacedUnseen(slot, ownSlot(stands, field)));
      const told = lost.filter(([field, { value }]) => !isBlank(value) && !sameJson(value, stands[field]!.value));
      const left = dropDraft(step, Object.fromEntries(lost))(kept);
      if (told.length === 0) return left;
      const [[, first]] = told as [(typeof told)[number]];
      const newest = told
        .map(([field]) => stands[field]!.at)
        .sort()
        .at(-1)!;
      const typed = Object.fromEntries(told.map(([field, { at }]) => [field, at]));
      const entry = {
        id: first.at,
        step,
        refusal: { code: "conflict", step, changed: [step], theirs: null } satisfies Refusal,
        base: submittedInput(snapshot, step) ?? null,
        over: { ...typedBy(newest, snapshot), typed },
      };
      return shelvedDraft(entry, told)(left);
    }, record);
  };
}

/** Lets go of what was kept aside and what stands has seen by now. */
export function seenSince(record: SessionRecord): SessionRecord {
  const shelved = record.shelved.flatMap((entry) => {
    if (entry.over === undefined) return [entry];
    const stands = record.snapshot?.drafts[entry.step ?? ""];
    const { typed } = entry.over;
    const left = Object.entries(entry.mine as Record<string, Json>).filter(([field]) => {
      const slot = ownSlot(stands, field);
      return !(slot && Object.hasOwn(typed, field) && covers(slot, typed[field]!));
    });
    return left.length > 0 ? [{ ...entry, mine: Object.fromEntries(left) }] : [];
  });
  return { ...record, shelved };
}

function isReplacedUnseen({ at }: Slot, stands: Slot | undefined): boolean {
  return stands !== undefined && stands.at > at && !covers(stands, at);
}

/** An empty field alone is nothing to offer. */
function isBlank(value: Json | undefined): boolean {
  if (typeof value === "string") return value.trim() === "";
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

function typedBy(at: Stamp, { device, submissions }: Snapshot): Overwritten {
  const id = deviceOf(at);
  const known = [device, ...Object.values(submissions).map((submission) => submission.device)];
  const name = known.find((one) => one.id === id)?.name ?? null;
  return { device: { id, name }, at: new Date(Number(at.slice(0, 15))).toISOString() };
}
