import {
  isFields,
  mapFields,
  pickFields,
  stampDevice,
  withoutSeenFields,
  fieldValues,
  parseInput,
  sameJson,
  stepOf,
  submittedInput,
  type AnyFlow,
  type Device,
  type Drafts,
  type Json,
  type Refusal,
  type Snapshot,
} from "@sessions/core/internal";
import { dropDraft, inputFields, mergeDrafts, pendingSubmitCommands, seenStampsOf, type Fields } from "./drafts.ts";
import type { RecordUpdate, SessionRecord, StoredShelvedChange } from "./record.ts";

type DraftFields = Drafts[string];

/** One field as it was, as it was changed here, and as it stands on the server; undefined where it is missing. */
export interface FieldConflict<Mine = Json, Theirs = Json> {
  readonly base: Theirs | undefined;
  readonly mine: Mine | undefined;
  readonly theirs: Theirs | undefined;
}

/** The parts of a session with which a shelved change is compared. */
type Compared = Pick<Snapshot, "data" | "inputs" | "drafts">;

/**
 * The fields of a step on the server, as they were typed: the submitted input. For a shelved draft, the step's drafts are
 * on top. Null for nothing.
 */
export function serverFields({ kind, step }: StoredShelvedChange, snapshot: Compared | null): Fields | null {
  if (snapshot === null || step === null) return null;
  const submitted = (submittedInput(snapshot, step) ?? null) as Fields | null;
  const drafted = kind === "draft" ? snapshot.drafts[step] : undefined;
  return drafted ? { ...submitted, ...fieldValues(drafted) } : submitted;
}

/**
 * The fields in which a change that was shelved for a conflict differs from the server's, as both were typed. A draft is
 * compared only in the fields that it names. Two inputs of which the step's schema makes the same value do not differ.
 */
export function conflictingFields(
  flow: AnyFlow,
  change: StoredShelvedChange,
  snapshot: Compared | null,
): Record<string, FieldConflict> {
  const { kind, step, base, mine } = change;
  if (step === null) return {};
  const given = mine as Fields;
  const before = base as Fields | null;
  const theirs = serverFields(change, snapshot);
  const theirsParsed = theirs === null ? undefined : parsedValue(flow, step, theirs);
  const mineParsed = parsedValue(flow, step, kind === "draft" ? { ...theirs, ...given } : mine);
  if (mineParsed !== undefined && sameJson(mineParsed, theirsParsed)) return {};
  const isSame = (field: string) =>
    sameJson(given[field], theirs?.[field]) ||
    (has(mineParsed, field) && has(theirsParsed, field) && sameJson(mineParsed[field], theirsParsed[field]));
  const compared: Fields = { ...given, ...(kind !== "draft" && theirs) };
  return mapFields(
    pickFields(compared, (field) => !isSame(field)),
    (_, field) => ({ base: before?.[field], mine: given[field], theirs: theirs?.[field] }),
  );
}

function has(value: Json | undefined, field: string): value is { readonly [field: string]: Json } {
  return isFields(value) && Object.hasOwn(value, field);
}

/** The value that the step's schema makes of an input; undefined if it refuses the input. */
function parsedValue(flow: AnyFlow, step: string, input: Json): Json | undefined {
  // A page of another version may not know the step.
  const definition = stepOf(flow, step);
  if (definition === undefined) return undefined;
  try {
    const parsed = parseInput(definition, step, input);
    return parsed.ok ? parsed.value : undefined;
  } catch {
    // The flow's own code threw.
    return undefined;
  }
}

/**
 * Shelves fields of `unseen`, the {@link unseenOwnDrafts}, in the steps that another device submitted since `before`, the
 * snapshot before the record's own. It shelves only values that differ from the submitted ones.
 */
export function shelveUnseen(unseen: Drafts, before: Snapshot | null, device: Device): RecordUpdate {
  return (record) => {
    const { snapshot } = record;
    if (snapshot === null) return record;
    return Object.entries(snapshot.submissions).reduce((updated, [step, { command, device: by }]) => {
      const base = (before && submittedInput(before, step)) ?? null;
      if (before?.submissions[step]?.command === command) return updated;
      const refusal: Refusal = { code: "conflict", step, changed: [step], theirs: null };
      const lost = pickFields(unseen[step] ?? {}, (field, { at }) => (snapshot.drafts[step]?.[field]?.at ?? "") < at);
      // Two tabs are one person. A draft of one tab stays a draft after the other tab's submission.
      if (by.id === device.id)
        return Object.keys(lost).length > 0
          ? { ...updated, drafts: mergeDrafts(updated.drafts, { [step]: lost }) }
          : updated;
      return shelveDraft({ id: command, step, refusal, base }, lost)(dropDraft(step)(updated));
    }, record);
  };
}

/**
 * The drafts that were typed here, sent or not, without the fields that a submission on the server or a pending one has
 * seen. All unsent fields were typed here, also under another id: a tab that could not read the disk when it opened keeps an
 * id of its own.
 */
export function unseenOwnDrafts(record: SessionRecord, before: Snapshot | null, device: Device): Drafts {
  return mapFields(mergeDrafts(before?.drafts ?? {}, record.drafts), (draftFields, step) => {
    const theirs = record.snapshot?.submissions[step]?.seenDrafts;
    const mine = seenStampsOf(pendingSubmitCommands(record, step));
    return pickFields(
      withoutSeenFields(withoutSeenFields(draftFields, theirs), mine),
      (field, draftField) => stampDevice(draftField.at) === device.id || record.drafts[step]?.[field] === draftField,
    );
  });
}

/**
 * Shelves fields of a step's draft. It leaves out empty fields, and fields that the step's submission has with the same
 * value. A step has one entry, with the newest value of each field.
 */
export function shelveDraft(
  change: {
    readonly id: string;
    readonly step: string;
    readonly refusal: Refusal;
    readonly base: Snapshot["data"][string] | null;
    readonly over?: NonNullable<StoredShelvedChange["over"]>;
  },
  draftFields: DraftFields,
): RecordUpdate {
  return (record) => {
    const { step } = change;
    const submitted = inputFields(record.snapshot, step);
    const lost = pickFields(
      draftFields,
      (field, { value }) => value !== undefined && !sameJson(value, submitted?.[field]),
    );
    if (Object.keys(lost).length === 0) return record;
    const isSame = (other: StoredShelvedChange) => other.kind === "draft" && other.step === step;
    const { id, base, mine, over } = { mine: {}, ...change, ...record.shelved.find(isSame) };
    const merged = { ...(mine as Fields), ...fieldValues(lost) } as Json;
    const others = record.shelved.filter((other) => !isSame(other));
    const typedAt = { ...over?.typedAt, ...change.over?.typedAt };
    const by = change.over && { over: { ...change.over, typedAt } };
    return { ...record, shelved: [...others, { ...change, id, kind: "draft", base, mine: merged, ...by }] };
  };
}
