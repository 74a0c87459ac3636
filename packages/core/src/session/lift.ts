import type { Command, StartCommand } from "../protocol/command.ts";
import { fieldValues, asDraft, mergeFields, restoreDrafts, type FieldDrafts } from "./drafts.ts";
import { SessionsError } from "../error.ts";
import { dependents, fieldNames, stepOf, type AnyFlow } from "../flow/flow.ts";
import { parse, submittedInput } from "./input.ts";
import { sameJson, storable, type Json } from "../json.ts";
import type { OldFields } from "../flow/migration.ts";
import type { Refusal } from "../refusal.ts";
import { progressOf } from "./progress.ts";
import type { Drafts, Snapshot } from "../protocol/snapshot.ts";
import { slotOf, type Slot } from "../protocol/slot.ts";
import { oldest } from "../protocol/stamp.ts";
import type { Step } from "../flow/step.ts";

/** What lifting makes of a session, drafts aside. */
export type Lifted = Pick<Snapshot, "version" | "data" | "inputs" | "outputs" | "submissions">;

/** What a person sees of a session whose drafts are lifted. */
export type ShownSession = Pick<Snapshot, "version" | "data" | "inputs" | "drafts">;

/** A command to a session that there is. */
export type Continuing = Exclude<Command, StartCommand>;

/** Where a step of an earlier version is now. */
export interface StepPlan {
  readonly step: string;
  /** Undefined when the flow has no step of that name. */
  readonly definition: Step | undefined;
  readonly again: boolean;
  /** Whether a migration makes its fields; otherwise they stay as they are. */
  readonly rewritten: boolean;
  /** Whether a step has a field of this name, as far as its schema says. */
  has(field: string): boolean;
  /** Its fields as they are now. */
  migrateFields(old: OldFields): Record<string, Json>;
  fault(detail: string): SessionsError;
}

/**
 * A session of an earlier version as one of the flow's own: what was submitted fits the schemas, or is asked again
 * where a migration says so, or a step is sensitive no more. One that has ended stays as it ended, without the steps
 * that would be asked again.
 *
 * @throws {SessionsError} `migration_failed` when no migrations lead here, one throws, or a schema refuses what it made.
 */
export function liftSession(flow: AnyFlow, session: Snapshot): Snapshot {
  const { version } = session;
  if (version === flow.version) return session;
  const active = session.status === "active";
  const lifted: Lifted = { version: flow.version, data: {}, inputs: {}, outputs: {}, submissions: {} };
  const cleared = new Set<string>();
  let drafts = liftDrafts(flow, version, session.drafts, {}, { ...session, drafts: {} });

  for (const [from, old] of Object.entries(session.data)) {
    const plan = planFor(flow, version, from);
    if (plan === null) continue;
    const { step, definition } = plan;
    if (definition === undefined) throw plan.fault("the flow has no such step.");
    const submission = session.submissions[from]!;
    const { sensitive } = submission;
    const typed = submittedInput(session, from)!;
    // A secret is kept as it was parsed alone, and is not parsed again.
    const isLost = sensitive && typed === null && Object.hasOwn(session.inputs, from);
    // What a device was never told, it could not show.
    if (plan.again || isLost || (sensitive && !definition.sensitive)) {
      for (const name of dependents(flow, step)) cleared.add(name);
      if (active && definition.kept && !sensitive) {
        drafts = liftDrafts(flow, version, { [from]: asDraft(session, from) }, drafts);
      }
      continue;
    }
    // What was not sent back stays where it is.
    const isWithheld = definition.sensitive && old === null;
    const parsed = isWithheld ? { ok: true as const, value: old } : parse(definition, step, carryInput(plan, typed));
    if (!parsed.ok) throw plan.fault("the schema refuses what it holds.");
    if (Object.hasOwn(lifted.data, step)) throw plan.fault("another step became the same.");
    if (definition.output !== undefined) {
      const output = session.outputs[from];
      if (!sameJson(definition.output.safeParse(output).data, output ?? null))
        throw plan.fault("its output does not fit.");
      lifted.outputs[step] = output!;
    }
    lifted.data[step] = parsed.value;
    if ("input" in parsed) lifted.inputs[step] = parsed.input;
    lifted.submissions[step] = { ...submission, ...(definition.sensitive && { sensitive: true }) };
  }

  const result = flow.result?.safeParse(session.result).success ? session.result : null;
  const now: Snapshot = { ...session, ...lifted, drafts, result };
  if (!active) return now;
  const left = <T>(record: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !cleared.has(name)));
  const { path, current } = progressOf(flow, left(now.data));
  // Only a submission completes a session: when nothing is left to do, the last step is asked again.
  if (current === null) cleared.add(path.at(-1)!);
  return {
    ...now,
    data: left(now.data),
    inputs: left(now.inputs),
    outputs: left(now.outputs),
    submissions: left(now.submissions),
    drafts: restoreDrafts(flow, now, cleared),
  };
}

/**
 * A command of an earlier version as one of the flow's own, or why it cannot be one. `session` is what it finds, not
 * lifted.
 *
 * @throws {SessionsError} `migration_failed`
 */
export function liftCommand(flow: AnyFlow, command: Continuing, session: Snapshot): Continuing | Refusal {
  const { version } = command;
  if (version === flow.version) return command;
  const now = { ...command, version: flow.version };
  if (now.kind === "cancel") return now;
  const plan = planFor(flow, version, now.step);
  if (plan?.definition === undefined) return { code: "unknown_step", step: now.step };
  const { step } = plan;
  const seen = Object.entries(now.seen ?? {}).map(([name, by]) => [planFor(flow, version, name)?.step ?? name, by]);
  const lifted = { ...now, step, ...(now.seen && { seen: Object.fromEntries(seen) }) };
  if (lifted.kind === "draft")
    return { ...lifted, fields: liftFields(plan, lifted.fields, shownFields(session, version, now.step)) };
  // Whoever confirms something must see it as it is now.
  if (plan.definition.confirm) return { code: "outdated", given: version, current: flow.version };
  if (plan.again) return { code: "invalid_input", step, issues: [] };
  return { ...lifted, input: carryInput(plan, lifted.input) };
}

/**
 * What was to be submitted to a step at an earlier version, and to which step now; null when that is gone.
 *
 * @throws {SessionsError} `migration_failed`
 */
export function liftInput(
  flow: AnyFlow,
  version: number,
  from: string,
  input: Json,
): { readonly step: string; readonly input: Json } | null {
  const plan = planFor(flow, version, from);
  return plan && { step: plan.step, input: carryInput(plan, input) };
}

/**
 * Drafts of an earlier version as the flow's own, on top of others. They may have only some of a step's fields: the
 * rest is what stands in `session`, not lifted, in which they were typed.
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
    const plan = planFor(flow, version, from);
    if (plan === null || plan.definition?.sensitive) continue;
    const found = liftFields(plan, fields, shownFields(session, version, from));
    lifted[plan.step] = mergeFields(lifted[plan.step] ?? {}, found);
  }
  return lifted;
}

/** What a step's form shows in a session of that version. */
function shownFields(session: ShownSession | undefined, version: number, step: string): OldFields {
  if (session?.version !== version) return {};
  return { ...(submittedInput(session, step) as OldFields | null), ...fieldValues(session.drafts[step] ?? {}) };
}

/** For how long a draft each of its fields is tried by itself: fields times characters. */
const MAX_TRIED = 300_000;

/** A field is as new as the newest that it is made of: tried without each of them, to see which those are. */
function liftFields(plan: StepPlan, fields: FieldDrafts, beside: OldFields): FieldDrafts {
  const entries = Object.entries(fields);
  const typed: OldFields = { ...beside, ...fieldValues(fields) };
  const made = plan.migrateFields(typed);
  const [first] = entries;
  if (first === undefined) return fields;
  if (!plan.rewritten) return Object.fromEntries(entries.filter(([field]) => plan.has(field)));

  // What a migration adds of its own must not win over what somebody typed.
  const never = oldest(first[1].at);
  const newest = new Map<string, Slot>(Object.keys(made).map((field) => [field, { at: never }]));
  /** What comes out otherwise without what was typed in some of the fields is made of those. */
  function tryWithout(sources: FieldDrafts, slotFor: (field: string) => Slot): void {
    const emptied = Object.entries(sources).filter(([, { value }]) => value === undefined);
    const rest = Object.fromEntries(Object.entries(typed).filter(([field]) => !Object.hasOwn(sources, field)));
    // Of an emptied field nothing may be made: what is made of some values in it shows what it is part of.
    const others = [(field: string) => beside[field], () => "x", () => 1, () => true];
    const tries =
      emptied.length === 0
        ? []
        : others.map((other) => Object.fromEntries(emptied.map(([field]) => [field, other(field)])));
    for (const tried of [{}, ...tries]) {
      const got = attempt(plan, { ...rest, ...tried });
      for (const field of Object.keys(emptied.length > 0 ? { ...made, ...got } : made)) {
        const slot = slotFor(field);
        if (slot.at > (newest.get(field)?.at ?? never) && !sameJson(got[field], made[field])) newest.set(field, slot);
      }
    }
  }
  if (entries.length * JSON.stringify(typed).length <= MAX_TRIED) {
    for (const [source, slot] of entries) tryWithout({ [source]: slot }, () => slot);
  } else {
    // All at once: a field of a name that was typed is taken for that one, and any other may be made of the newest.
    const last = entries.map(([, slot]) => slot).reduce((left, right) => (left.at > right.at ? left : right));
    tryWithout(fields, (field) => (Object.hasOwn(fields, field) ? fields[field]! : last));
  }
  // Over what stands there already, only what was typed is new.
  const isNew = ([, { at }]: [string, Slot]) => at > never || Object.keys(beside).length === 0;
  return Object.fromEntries(
    [...newest].filter(isNew).map(([field, { at, seen }]) => [field, slotOf(made[field], at, seen)]),
  );
}

/** What a migration makes of other fields; nothing when it cannot do with them. */
function attempt(plan: StepPlan, fields: OldFields): Record<string, Json> {
  try {
    return plan.migrateFields(fields);
  } catch {
    return {};
  }
}

/**
 * Follows a step through the versions; null when it was removed on the way.
 *
 * @throws {SessionsError} `migration_failed` when a version has no migration.
 */
export function planFor(flow: AnyFlow, version: number, from: string): StepPlan | null {
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
    const plan = typeof given === "function" ? { fields: given } : given!;
    if (plan.fields) rewrites.push(plan.fields);
    again ||= plan.again === true;
    step = plan.to ?? step;
  }
  const definition = stepOf(flow, step);
  const rewritten = rewrites.length > 0;
  const names = definition && fieldNames(definition);
  const known = names && new Set(names);
  const has = (field: string) => known?.has(field) ?? true;

  function migrateFields(old: OldFields): Record<string, Json> {
    let made: unknown;
    try {
      made = rewrites.reduce((fields, rewrite) => rewrite(fields), old);
    } catch (error) {
      // Its message may quote what a person typed.
      throw fault(`the migration threw ${(error as Error | undefined)?.name}.`);
    }
    const plain = storable(made);
    if (!plain.ok || !isFields(plain.value)) throw fault("the migration made no object of JSON.");
    const ours = Object.entries(plain.value).filter(([name]) => has(name));
    const gone = version < flow.version && ours.length < Object.keys(plain.value).length;
    if (!rewritten && gone) throw fault("a field of it is gone.");
    return Object.fromEntries(ours);
  }

  return { step, definition, again, rewritten, has, migrateFields, fault };
}

function carryInput(plan: StepPlan, input: Json): Json {
  return isFields(input) ? plan.migrateFields(input) : input;
}

function isFields(value: Json): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
