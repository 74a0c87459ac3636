import {
  mapFields,
  pickFields,
  fieldValues,
  liftDrafts,
  liftInput,
  liftSession,
  nextStamp,
  minStamp,
  draftFieldOf,
  stepOf,
  type AnyFlow,
  type Json,
  type Snapshot,
  type ShownSession,
  type Step,
} from "@sessions/core/internal";
import { stampsOf, type Fields } from "./drafts.ts";
import type { SessionRecord, StoredShelvedChange } from "./record.ts";

/**
 * Lifts a record to this page's version of the flow. A record of a later version, or one that cannot be lifted, stays as
 * it is. Pending commands stay as they were made, because the server compares them with what was sent before.
 */
export function liftRecord(flow: AnyFlow | undefined, record: SessionRecord): SessionRecord {
  if (flow === undefined || record.version === 0 || record.version > flow.version) return record;
  const { version } = flow;
  const readable = record.otherVersionDrafts.filter((typed) => typed.version <= version);
  if (record.version === version && readable.length === 0) return record;
  const { data = {}, inputs = {}, drafts = {} } = record.snapshot ?? {};
  const waiting = record.pending.flatMap(({ command }) =>
    command.kind === "submit" && command.version === record.version ? [[command.step, command.input] as const] : [],
  );
  const standing = { version: record.version, data, inputs: { ...inputs, ...Object.fromEntries(waiting) }, drafts };
  try {
    return {
      ...record,
      version,
      snapshot: record.snapshot && redactSteps(flow, liftSession(flow, record.snapshot)),
      drafts: readable.reduce(
        (drafts, typed) => liftDrafts(flow, typed.version, { [typed.step]: typed.fields }, drafts, standing),
        liftDrafts(flow, record.version, record.drafts, {}, standing),
      ),
      otherVersionDrafts: record.otherVersionDrafts.filter((typed) => !readable.includes(typed)),
      shelved: record.shelved
        .map((change) => liftShelved(flow, record.version, change, standing))
        .filter(({ step }) => !isSensitive(flow, step)),
      outdated: false,
    };
  } catch {
    // The server fails in the same way, and reports it.
    return record;
  }
}

/** Lifts a snapshot to this page's version, if possible. An ended session that cannot be lifted keeps only its end. */
export function liftSnapshot(flow: AnyFlow | undefined, snapshot: Snapshot): Snapshot {
  if (flow === undefined || snapshot.version > flow.version) return snapshot;
  try {
    return liftSession(flow, snapshot);
  } catch {
    return snapshot.status === "active" ? snapshot : { ...withoutContents(snapshot), version: flow.version };
  }
}

/** Removes the values of steps that have become sensitive. */
function redactSteps(flow: AnyFlow, snapshot: Snapshot): Snapshot {
  const redact = (values: Snapshot["data"]) =>
    mapFields(values, (value, step) => (isSensitive(flow, step) ? null : value));
  return { ...snapshot, data: redact(snapshot.data), inputs: redact(snapshot.inputs) };
}

function isSensitive(flow: AnyFlow, step: string | null): boolean {
  return stepOf(flow, step ?? "")?.sensitive === true;
}

export function hasSensitiveStep(flow: AnyFlow | undefined): boolean {
  return Object.values<Step>(flow?.steps ?? {}).some(({ sensitive }) => sensitive);
}

/** The parts of a session of another version that this page can read. */
export function withoutContents(snapshot: Snapshot): Snapshot {
  return { ...snapshot, data: {}, inputs: {}, outputs: {}, submissions: {}, drafts: {}, result: null };
}

/** A submission's input, lifted to this page's version if possible. */
export function liftSubmission(flow: AnyFlow, version: number, step: string, input: Json) {
  try {
    return liftStep(flow, version, step, input);
  } catch {
    return { step, input };
  }
}

function liftStep(flow: AnyFlow, version: number, step: string, input: Json) {
  return version === flow.version ? { step, input } : (liftInput(flow, version, step, input) ?? { step, input });
}

function liftShelved(
  flow: AnyFlow,
  version: number,
  change: StoredShelvedChange,
  session: ShownSession,
): StoredShelvedChange {
  if (change.step === null) return change;
  const { step, input } = liftStep(flow, version, change.step, change.mine);
  const lifted = { ...change, step, base: change.base && liftStep(flow, version, change.step, change.base).input };
  return change.kind === "draft"
    ? { ...lifted, ...liftTyped(flow, version, change, session) }
    : { ...lifted, mine: input };
}

/** Lifts a shelved draft. It has only some of its step's fields; the session has the others. */
function liftTyped(
  flow: AnyFlow,
  version: number,
  { id, step, mine, over }: StoredShelvedChange,
  session: ShownSession,
): Pick<StoredShelvedChange, "mine" | "over"> {
  const typedAt = over?.typedAt ?? {};
  // Some fields may have no stamp. Any stamp above the oldest is enough for them.
  const at = Object.values(typedAt)[0] ?? nextStamp(id.slice(-36), 1);
  const draftFields = mapFields(mine as Fields, (value, field) => draftFieldOf(value, typedAt[field] ?? at));
  const [lifted] = Object.values(liftDrafts(flow, version, { [step!]: draftFields }, {}, session));
  // The step is gone: the draft stays as it was.
  if (lifted === undefined) return { mine };
  // Nobody typed the fields that a migration adds of its own.
  const typed = pickFields(
    lifted,
    (_, draftField) => draftField.value !== undefined && draftField.at !== minStamp(draftField.at),
  );
  return { mine: fieldValues(typed), ...(over && { over: { ...over, typedAt: stampsOf(typed) } }) };
}
