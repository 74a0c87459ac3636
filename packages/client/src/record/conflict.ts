import {
  deviceOf,
  dropSubmitted,
  fieldValues,
  mergeFields,
  parse,
  sameJson,
  submittedInput,
  type AnyFlow,
  type Device,
  type Json,
  type Refusal,
  type Snapshot,
} from "@sessions/core";
import { dropDraft, mergeDrafts, type Fields } from "./drafts.ts";
import type { RecordUpdate, SessionRecord, ShelvedChange } from "./record.ts";

type FieldDrafts = Snapshot["drafts"][string];

/** One field as it was, as it was changed here, and as it stands on the server; undefined where it is missing. */
export interface FieldConflict<Mine = Json, Theirs = Json> {
  readonly base: Theirs | undefined;
  readonly mine: Mine | undefined;
  readonly theirs: Theirs | undefined;
}

/** The parts of a session with which a shelved change is compared. */
type Standing = Pick<Snapshot, "data" | "inputs" | "drafts">;

/**
 * What stands in a step as it was typed: what was submitted; for a draft that was kept aside, what is typed there since,
 * on top. Null for nothing.
 */
export function shownFields({ kind, step }: ShelvedChange, snapshot: Standing | null): Fields | null {
  if (snapshot === null || step === null) return null;
  const submitted = (submittedInput(snapshot, step) ?? null) as Fields | null;
  const typed = kind === "draft" ? snapshot.drafts[step] : undefined;
  return typed ? { ...submitted, ...fieldValues(typed) } : submitted;
}

/**
 * The fields in which a change that was shelved for a conflict and what stands differ, as both were typed: of a draft,
 * among those it names. What the step's schema makes the same value of does not differ.
 */
export function differing(
  flow: AnyFlow,
  entry: ShelvedChange,
  snapshot: Standing | null,
): Record<string, FieldConflict> {
  const { kind, step, base, mine } = entry;
  if (step === null) return {};
  const given = mine as Fields;
  const before = base as Fields | null;
  const theirs = shownFields(entry, snapshot);
  const stands = theirs === null ? undefined : asItWouldStand(flow, step, theirs);
  const meant = asItWouldStand(flow, step, kind === "draft" ? { ...theirs, ...given } : mine);
  if (meant !== undefined && sameJson(meant, stands)) return {};
  const isSame = (field: string) =>
    sameJson(given[field], theirs?.[field]) ||
    (has(meant, field) && has(stands, field) && sameJson(meant[field], stands[field]));
  const names = Object.keys({ ...given, ...(kind === "draft" ? {} : theirs) });
  return Object.fromEntries(
    names
      .filter((field) => !isSame(field))
      .map((field) => [field, { base: before?.[field], mine: given[field], theirs: theirs?.[field] }]),
  );
}

function has(value: Json | undefined, field: string): value is { readonly [field: string]: Json } {
  return typeof value === "object" && value !== null && Object.hasOwn(value, field);
}

/** What the schema makes of it; undefined when it would be refused. */
function asItWouldStand(flow: AnyFlow, step: string, input: Json): Json | undefined {
  // A page of another version may not know the step.
  if (!Object.hasOwn(flow.steps, step)) return undefined;
  try {
    const parsed = parse(flow.steps[step], step, input);
    return parsed.ok ? parsed.value : undefined;
  } catch {
    // The flow's own code threw.
    return undefined;
  }
}

/**
 * Keeps aside what was typed here, sent or not, in a step that another device submitted without having seen it, and
 * that says something else. `before` is the snapshot before the record's own.
 */
export function conflictingDrafts(before: Snapshot | null, device: Device): RecordUpdate {
  return (record) => {
    const { snapshot } = record;
    if (snapshot === null) return record;
    return Object.entries(snapshot.submissions).reduce((kept, [step, { command, device: by, typed }]) => {
      const base = (before && submittedInput(before, step)) ?? null;
      if (before?.submissions[step]?.command === command) return kept;
      const refusal: Refusal = { code: "conflict", step, changed: [step], theirs: null };
      const slots = mergeFields(before?.drafts[step] ?? {}, record.drafts[step] ?? {});
      const mine = Object.entries(unseen(record, step, slots, typed)).filter(
        ([, { at }]) => deviceOf(at) === device.id,
      );
      const lost = mine.filter(([field, { at }]) => !((snapshot.drafts[step]?.[field]?.at ?? "") >= at));
      // Two tabs are one person: what one of them typed after the other's submission is typed on.
      if (by.id === device.id) {
        const typedOn = { [step]: Object.fromEntries(lost) };
        return lost.length > 0 ? { ...kept, drafts: mergeDrafts(kept.drafts, typedOn) } : kept;
      }
      return shelvedDraft({ id: command, step, refusal, base }, lost)(dropDraft(step)(kept));
    }, record);
  };
}

/** What was typed here, sent or not, and no submission that stands or waits here has taken up. */
export function typedBefore(record: SessionRecord, before: Snapshot | null, device: Device): Snapshot["drafts"] {
  const steps = Object.entries(mergeDrafts(before?.drafts ?? {}, record.drafts)).map(([step, slots]) => {
    const left = unseen(record, step, slots, record.snapshot?.submissions[step]?.typed);
    return [step, Object.fromEntries(Object.entries(left).filter(([, { at }]) => deviceOf(at) === device.id))];
  });
  return Object.fromEntries(steps);
}

/** What neither their submission nor one of this device's that is pending has taken up. */
function unseen(
  record: SessionRecord,
  step: string,
  slots: FieldDrafts,
  theirs: readonly string[] | undefined,
): FieldDrafts {
  const mine = record.pending.flatMap(({ command }) =>
    command.kind === "submit" && command.step === step ? (command.typed ?? []) : [],
  );
  return dropSubmitted(dropSubmitted(slots, theirs), mine);
}

/**
 * Shelves fields of a step's draft, but for those that stand on the server or are empty: one entry a step, the newest
 * value of each field.
 */
export function shelvedDraft(
  entry: {
    readonly id: string;
    readonly step: string;
    readonly refusal: Refusal;
    readonly base: Snapshot["data"][string] | null;
    readonly over?: NonNullable<ShelvedChange["over"]>;
  },
  slots: readonly (readonly [string, FieldDrafts[string]])[],
): RecordUpdate {
  return (record) => {
    const { step } = entry;
    const stands = record.snapshot && (submittedInput(record.snapshot, step) as Fields | null | undefined);
    const lost = slots.filter(([field, { value }]) => value !== undefined && !sameJson(value, stands?.[field]));
    if (lost.length === 0) return record;
    const isSame = ({ kind, step: shelved }: SessionRecord["shelved"][number]) => kind === "draft" && shelved === step;
    const { id, base, mine, over } = { mine: {}, ...entry, ...record.shelved.find(isSame) };
    const merged = { ...(mine as Fields), ...Object.fromEntries(lost.map(([field, { value }]) => [field, value])) };
    const others = record.shelved.filter((other) => !isSame(other));
    const typed = { ...over?.typed, ...entry.over?.typed };
    const by = entry.over && { over: { ...entry.over, typed } };
    return { ...record, shelved: [...others, { ...entry, id, kind: "draft", base, mine: merged, ...by }] };
  };
}
