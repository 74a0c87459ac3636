import {
  fieldValues,
  liftDrafts,
  liftInput,
  liftSession,
  nextStamp,
  oldest,
  slotOf,
  type AnyFlow,
  type Json,
  type Snapshot,
  type ShownSession,
} from "@sessions/core";
import { mapFields, pickFields, stampsOf, type Fields } from "./drafts.ts";
import type { SessionRecord, ShelvedChange } from "./record.ts";

/**
 * A record as this page's version of the flow has it; as it is when it is of a later version, or cannot be lifted.
 * What is pending stays as it was made: the server knows it by that.
 */
export function liftRecord(flow: AnyFlow | undefined, record: SessionRecord): SessionRecord {
  if (flow === undefined || record.version === 0 || record.version > flow.version) return record;
  const { version } = flow;
  const [readable, others] = [
    record.otherVersionDrafts.filter((typed) => typed.version <= version),
    record.otherVersionDrafts.filter((typed) => typed.version > version),
  ];
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
        (drafts, typed) => liftDrafts(flow, typed.version, { [typed.step]: typed.slots }, drafts, standing),
        liftDrafts(flow, record.version, record.drafts, {}, standing),
      ),
      otherVersionDrafts: others,
      shelved: record.shelved
        .map((entry) => liftShelved(flow, record.version, entry, standing))
        .filter(({ step }) => !isSensitive(flow, step)),
      outdated: false,
    };
  } catch {
    // The server meets the same, and reports it.
    return record;
  }
}

/** A snapshot as this page's version has it, or as it is. Of an ended session that cannot be lifted the end is left. */
export function liftSnapshot(flow: AnyFlow | undefined, snapshot: Snapshot): Snapshot {
  if (flow === undefined || snapshot.version > flow.version) return snapshot;
  try {
    return liftSession(flow, snapshot);
  } catch {
    return snapshot.status === "active" ? snapshot : { ...withoutContents(snapshot), version: flow.version };
  }
}

/** What a step held before it became sensitive is let go of. */
function redactSteps(flow: AnyFlow, snapshot: Snapshot): Snapshot {
  const told = (values: Snapshot["data"]) =>
    mapFields(values, (value, step) => (isSensitive(flow, step) ? null : value));
  return { ...snapshot, data: told(snapshot.data), inputs: told(snapshot.inputs) };
}

function isSensitive(flow: AnyFlow, step: string | null): boolean {
  return flow.steps[step ?? ""]?.sensitive === true;
}

/** What can be told of a session of another version. */
export function withoutContents(snapshot: Snapshot): Snapshot {
  return { ...snapshot, data: {}, inputs: {}, outputs: {}, submissions: {}, drafts: {}, result: null };
}

/** What was to be submitted, in the words of this page's version where there are any. */
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

function liftShelved(flow: AnyFlow, version: number, entry: ShelvedChange, session: ShownSession): ShelvedChange {
  if (entry.step === null) return entry;
  const { step, input } = liftStep(flow, version, entry.step, entry.mine);
  const lifted = { ...entry, step, base: entry.base && liftStep(flow, version, entry.step, entry.base).input };
  return entry.kind === "draft"
    ? { ...lifted, ...liftTyped(flow, version, entry, session) }
    : { ...lifted, mine: input };
}

/** What is kept aside of a draft has only some of its step's fields, as a draft has: the rest is what stands there. */
function liftTyped(
  flow: AnyFlow,
  version: number,
  { id, step, mine, over }: ShelvedChange,
  session: ShownSession,
): Pick<ShelvedChange, "mine" | "over"> {
  const typedAt = over?.typed ?? {};
  // When it was typed is not known of all: later than never.
  const at = Object.values(typedAt)[0] ?? nextStamp(id.slice(-36), 1);
  const slots = mapFields(mine as Fields, (value, field) => slotOf(value, typedAt[field] ?? at));
  const [lifted] = Object.values(liftDrafts(flow, version, { [step!]: slots }, {}, session));
  // Of a step that is gone it is kept as it was.
  if (lifted === undefined) return { mine };
  // What a migration adds of its own was not typed.
  const typed = pickFields(lifted, (_, slot) => slot.value !== undefined && slot.at !== oldest(slot.at));
  return { mine: fieldValues(typed) as Json, ...(over && { over: { ...over, typed: stampsOf(typed) } }) };
}
