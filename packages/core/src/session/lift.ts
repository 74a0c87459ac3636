import type { Command, StartCommand } from "../protocol/command.ts";
import { fieldValues, asDraft, mergeFields, restoreDrafts, type DraftFields } from "./drafts.ts";
import { SessionsError } from "../error.ts";
import { isFields, mapFields, pickFields } from "../fields.ts";
import { dependents, fieldTest, stepOf, type AnyFlow } from "../flow/flow.ts";
import { parseInput, submittedInput } from "./input.ts";
import { sameJson, toStorableJson, type Json } from "../json.ts";
import type { OldFields } from "../flow/migration.ts";
import type { Refusal } from "../refusal.ts";
import { progressOf } from "./progress.ts";
import type { Drafts, Snapshot } from "../protocol/snapshot.ts";
import { draftFieldOf, type DraftField } from "../protocol/draft-field.ts";
import { minStamp } from "../protocol/stamp.ts";
import type { Step } from "../flow/step.ts";
import { pickSteps, type SubmittedSteps } from "./submitted-steps.ts";

/** The parts of a session that a lift changes, without the drafts. */
export type Lifted = SubmittedSteps & Pick<Snapshot, "version">;

/** The part of a session that a person sees in its forms. */
export type ShownSession = Pick<Snapshot, "version" | "data" | "inputs" | "drafts">;

/** A command to a session that has started. */
export type LaterCommand = Exclude<Command, StartCommand>;

/** The place of an earlier version's step in this version. */
export interface StepMapping {
  readonly step: string;
  /** Undefined when the flow has no step of that name. */
  readonly definition: Step | undefined;
  readonly again: boolean;
  /** Whether a migration makes its fields. Otherwise they stay as they are. */
  readonly rewritten: boolean;
  /** Whether a step has a field of this name, as far as its schema says. */
  has(field: string): boolean;
  /** Its fields in this version. */
  migrateFields(old: OldFields): Record<string, Json>;
  fault(detail: string): SessionsError;
}

/**
 * Lifts a session of an earlier version to the flow's version. Its submitted data then fits the schemas. A step is asked
 * again if a migration says so, or if the step is no longer sensitive. A session that has ended stays as it is, without
 * the steps that would be asked again.
 *
 * @throws {SessionsError} `migration_failed` when a version has no migration, a migration throws, or a schema refuses its
 *   result.
 */
export function liftSession(flow: AnyFlow, session: Snapshot): Snapshot {
  const { version } = session;
  if (version === flow.version) return session;
  const active = session.status === "active";
  const lifted: Lifted = { version: flow.version, data: {}, inputs: {}, outputs: {}, submissions: {} };
  const cleared = new Set<string>();
  let drafts = liftDrafts(flow, version, session.drafts, {}, { ...session, drafts: {} });

  for (const [from, old] of Object.entries(session.data)) {
    const mapping = stepMappingFor(flow, version, from);
    if (mapping === null) continue;
    const { step, definition } = mapping;
    if (definition === undefined) throw mapping.fault("the flow has no such step.");
    const submission = session.submissions[from]!;
    const { sensitive } = submission;
    const input = submittedInput(session, from)!;
    // Of a sensitive step only the parsed value is kept, and a parsed value is never parsed again.
    const isLost = sensitive && input === null && Object.hasOwn(session.inputs, from);
    // Sensitive data was never sent to a device, so a form could not show it.
    if (mapping.again || isLost || (sensitive && !definition.sensitive)) {
      for (const name of dependents(flow, step)) cleared.add(name);
      if (active && definition.queued && !sensitive) {
        drafts = liftDrafts(flow, version, { [from]: asDraft(session, from) }, drafts);
      }
      continue;
    }
    // On a device, null stands for sensitive data. It stays null.
    const isWithheld = definition.sensitive && old === null;
    const parsed = isWithheld
      ? { ok: true as const, value: old }
      : parseInput(definition, step, migrateInput(mapping, input));
    if (!parsed.ok) throw mapping.fault("the schema refuses what it holds.");
    if (Object.hasOwn(lifted.data, step)) throw mapping.fault("another step became the same.");
    if (definition.output !== undefined) {
      const output = session.outputs[from];
      if (!sameJson(definition.output.safeParse(output).data, output ?? null))
        throw mapping.fault("its output does not fit.");
      lifted.outputs[step] = output!;
    }
    lifted.data[step] = parsed.value;
    if ("input" in parsed) lifted.inputs[step] = parsed.input;
    lifted.submissions[step] = { ...submission, ...(definition.sensitive && { sensitive: true }) };
  }

  const result = flow.result?.safeParse(session.result).success ? session.result : null;
  const now: Snapshot = { ...session, ...lifted, drafts, result };
  if (!active) return now;
  const isLeft = (step: string) => !cleared.has(step);
  const { path, current } = progressOf(flow, pickFields(now.data, isLeft));
  // Only a submission completes a session. So if no step is left, the last step is asked again.
  if (current === null) cleared.add(path.at(-1)!);
  return {
    ...now,
    ...pickSteps(now, isLeft),
    drafts: restoreDrafts(flow, now, cleared),
  };
}

/**
 * Lifts a command of an earlier version to the flow's version, or gives the refusal if it cannot be lifted. `session` is
 * the session of the command before the lift.
 *
 * @throws {SessionsError} `migration_failed`
 */
export function liftCommand(flow: AnyFlow, command: LaterCommand, session: Snapshot): LaterCommand | Refusal {
  const { version } = command;
  if (version === flow.version) return command;
  const now = { ...command, version: flow.version };
  if (now.kind === "cancel") return now;
  const mapping = stepMappingFor(flow, version, now.step);
  if (mapping?.definition === undefined) return { code: "unknown_step", step: now.step };
  const { step } = mapping;
  const seen = Object.entries(now.seen ?? {}).map(([name, by]) => [
    stepMappingFor(flow, version, name)?.step ?? name,
    by,
  ]);
  const lifted = { ...now, step, ...(now.seen && { seen: Object.fromEntries(seen) }) };
  if (lifted.kind === "draft")
    return { ...lifted, fields: liftFields(mapping, lifted.fields, shownFields(session, version, now.step)) };
  // A person who confirms a step must have seen it in this version.
  if (mapping.definition.confirm) return { code: "outdated", given: version, current: flow.version };
  if (mapping.again) return { code: "invalid_input", step, issues: [] };
  return { ...lifted, input: migrateInput(mapping, lifted.input) };
}

/**
 * Lifts an input that was made for a step of an earlier version, and gives its step now; null when the step is gone.
 *
 * @throws {SessionsError} `migration_failed`
 */
export function liftInput(
  flow: AnyFlow,
  version: number,
  from: string,
  input: Json,
): { readonly step: string; readonly input: Json } | null {
  const mapping = stepMappingFor(flow, version, from);
  return mapping && { step: mapping.step, input: migrateInput(mapping, input) };
}

/**
 * Lifts drafts of an earlier version to the flow's version, and merges them into `others`. They may have only some of a
 * step's fields. The other fields come from `session`, in which they were typed, before the lift.
 *
 * @throws {SessionsError} `migration_failed`
 */
export function liftDrafts(
  flow: AnyFlow,
  version: number,
  drafts: Drafts,
  others: Drafts = {},
  session?: ShownSession,
): Drafts {
  const lifted = { ...others };
  for (const [from, fields] of Object.entries(drafts)) {
    const mapping = stepMappingFor(flow, version, from);
    if (mapping === null || mapping.definition?.sensitive) continue;
    const found = liftFields(mapping, fields, shownFields(session, version, from));
    lifted[mapping.step] = mergeFields(lifted[mapping.step] ?? {}, found);
  }
  return lifted;
}

/** The fields that a step's form shows in a session of that version. */
function shownFields(session: ShownSession | undefined, version: number, step: string): OldFields {
  if (session?.version !== version) return {};
  return { ...(submittedInput(session, step) as OldFields | null), ...fieldValues(session.drafts[step] ?? {}) };
}

/** The largest draft whose fields are tried one by one, as number of fields times number of characters. */
const MAX_TRIED = 300_000;

/** A new field gets the newest stamp of the fields that it is made of. The migration runs without each field, to find those. */
function liftFields(mapping: StepMapping, fields: DraftFields, beside: OldFields): DraftFields {
  const entries = Object.entries(fields);
  const typed: OldFields = { ...beside, ...fieldValues(fields) };
  const made = mapping.migrateFields(typed);
  const [first] = entries;
  if (first === undefined) return fields;
  if (!mapping.rewritten) return pickFields(fields, mapping.has);

  // A field that a migration adds must not win over typed input.
  const never = minStamp(first[1].at);
  const newest = new Map<string, DraftField>(Object.keys(made).map((field) => [field, { at: never }]));
  /** A new field that changes when some of the old fields are missing is made of those. */
  function tryWithout(sources: DraftFields, draftFieldFor: (field: string) => DraftField): void {
    const emptied = pickFields(sources, (_, { value }) => value === undefined);
    const isEmptied = Object.keys(emptied).length > 0;
    const rest = pickFields(typed, (field) => !Object.hasOwn(sources, field));
    // A migration may make nothing of an emptied field. So some values are put into it, to see which new fields change.
    const others = [(field: string) => beside[field], () => "x", () => 1, () => true];
    const tries = isEmptied ? others.map((other) => mapFields(emptied, (_, field) => other(field))) : [];
    for (const tried of [{}, ...tries]) {
      const got = migratedOrEmpty(mapping, { ...rest, ...tried });
      for (const field of Object.keys(isEmptied ? { ...made, ...got } : made)) {
        const draftField = draftFieldFor(field);
        if (draftField.at > (newest.get(field)?.at ?? never) && !sameJson(got[field], made[field]))
          newest.set(field, draftField);
      }
    }
  }
  if (entries.length * JSON.stringify(typed).length <= MAX_TRIED) {
    for (const [source, draftField] of entries) tryWithout({ [source]: draftField }, () => draftField);
  } else {
    // All fields at once: a new field with the name of a typed field gets its stamp, and any other gets the newest stamp.
    const last = entries
      .map(([, draftField]) => draftField)
      .reduce((left, right) => (left.at > right.at ? left : right));
    tryWithout(fields, (field) => (Object.hasOwn(fields, field) ? fields[field]! : last));
  }
  // If the form shows other fields already, only fields made of typed input are part of the draft.
  const isNew = ([, { at }]: [string, DraftField]) => at > never || Object.keys(beside).length === 0;
  return Object.fromEntries(
    [...newest].filter(isNew).map(([field, { at, seen }]) => [field, draftFieldOf(made[field], at, seen)]),
  );
}

/** The result of a migration for other fields; no fields if it throws. */
function migratedOrEmpty(mapping: StepMapping, fields: OldFields): Record<string, Json> {
  try {
    return mapping.migrateFields(fields);
  } catch {
    return {};
  }
}

/**
 * Follows a step through the migrations of all versions; null when one of them removed it.
 *
 * @throws {SessionsError} `migration_failed` when a version has no migration.
 */
export function stepMappingFor(flow: AnyFlow, version: number, from: string): StepMapping | null {
  const rewrites: ((old: OldFields) => OldFields)[] = [];
  const fault = (detail: string) =>
    new SessionsError("migration_failed", `Flow ${flow.name} ${version} to ${flow.version}, step ${from}: ${detail}`);
  let step = from;
  let again = false;
  for (let number = version; number < flow.version; number += 1) {
    const steps = flow.migrate[number];
    if (steps === undefined) throw fault(`version ${number} has no migration.`);
    const given = Object.hasOwn(steps, step) ? steps[step] : {};
    if (given === null) return null;
    const migration = typeof given === "function" ? { fields: given } : given!;
    if (migration.fields) rewrites.push(migration.fields);
    again ||= migration.again === true;
    step = migration.to ?? step;
  }
  const definition = stepOf(flow, step);
  const rewritten = rewrites.length > 0;
  const has = fieldTest(definition);

  function migrateFields(old: OldFields): Record<string, Json> {
    let made: unknown;
    try {
      made = rewrites.reduce((fields, rewrite) => rewrite(fields), old);
    } catch (error) {
      // Its message may quote what a person typed.
      throw fault(`the migration threw ${(error as Error | undefined)?.name}.`);
    }
    const plain = toStorableJson(made);
    if (!plain.ok || !isFields(plain.value)) throw fault("the migration made no object of JSON.");
    const ours = pickFields(plain.value, has);
    const gone = version < flow.version && Object.keys(ours).length < Object.keys(plain.value).length;
    if (!rewritten && gone) throw fault("a field of it is gone.");
    return ours;
  }

  return { step, definition, again, rewritten, has, migrateFields, fault };
}

function migrateInput(mapping: StepMapping, input: Json): Json {
  return isFields(input) ? mapping.migrateFields(input) : input;
}
