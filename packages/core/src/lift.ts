import type { Command, StartCommand } from "./command.ts";
import { held, mergeFields, offered, type FieldDrafts } from "./drafts.ts";
import { SessionsError } from "./error.ts";
import { dependents, fieldNames, stepOf, type AnyFlow } from "./flow.ts";
import { parse } from "./input.ts";
import { sameJson, storable, type Json } from "./json.ts";
import type { OldFields } from "./migration.ts";
import type { Refusal } from "./refusal.ts";
import { progressOf, type Drafts, type Snapshot } from "./snapshot.ts";
import { oldest } from "./stamp.ts";

/** What lifting makes of a session, drafts aside. */
export type Lifted = Pick<Snapshot, "version" | "data" | "outputs" | "submissions">;

/** A command to a session that there is. */
export type Continuing = Exclude<Command, StartCommand>;

/** Where a step of an earlier version is now. */
export interface Way {
  readonly step: string;
  readonly again: boolean;
  /** How its fields get there; undefined when nothing rewrites them. */
  readonly fields: ((old: OldFields) => OldFields) | undefined;
}

/**
 * A session of an earlier version as one of the flow's own: what was submitted fits the schemas, or is asked again
 * where a migration says so. One that has ended stays as it ended, without the steps that would be asked again.
 *
 * @throws {SessionsError} `migration_failed` when no migrations lead here, one throws, or a schema refuses what it made.
 */
export function liftSession(flow: AnyFlow, session: Snapshot): Snapshot {
  const { version } = session;
  if (version === flow.version) return session;
  const active = session.status === "active";
  const lifted: Lifted = { version: flow.version, data: {}, outputs: {}, submissions: {} };
  const cleared = new Set<string>();
  let drafts = liftDrafts(flow, version, session.drafts);

  for (const [from, old] of Object.entries(session.data)) {
    const way = wayOf(flow, version, from);
    if (way === null) continue;
    const { step } = way;
    const definition = stepOf(flow, step);
    if (definition === undefined) throw failed(flow, version, from, "The flow has no such step any more.");
    if (way.again) {
      for (const name of dependents(flow, step)) cleared.add(name);
      if (active && !definition.confirm) drafts = liftDrafts(flow, version, { [from]: held(session, from) }, drafts);
      continue;
    }
    if (Object.hasOwn(lifted.data, step)) throw failed(flow, version, from, "Another step became the same.");
    const data = parse(definition, step, carry(flow, version, from, way, old as OldFields));
    // A schema may change what it parses, and must not do so twice.
    if (!data.ok || (way.fields === undefined && !sameJson(data.value, old))) {
      throw failed(flow, version, from, "Its schema does not take what it holds.");
    }
    const output = session.outputs[from];
    if (definition.output !== undefined) {
      const computed = definition.output.safeParse(output);
      if (!computed.success || !sameJson(computed.data, output)) {
        throw failed(flow, version, from, "Its output is of another shape; `again: true` computes it anew.");
      }
      lifted.outputs[step] = output!;
    }
    lifted.data[step] = data.value;
    lifted.submissions[step] = session.submissions[from]!;
  }

  const result = flow.result?.safeParse(session.result).success ? session.result : null;
  const now: Snapshot = { ...session, ...lifted, drafts, result };
  if (!active) return now;
  const { path, current } = progressOf(flow, without(lifted.data, cleared));
  // Only a submission completes a session: when nothing is left to do, the last step is asked again.
  if (current === null) cleared.add(path.at(-1)!);
  return {
    ...now,
    data: without(now.data, cleared),
    outputs: without(now.outputs, cleared),
    submissions: without(now.submissions, cleared),
    drafts: offered(flow, now, cleared),
  };
}

/**
 * A command of an earlier version as one of the flow's own, or why it cannot be one.
 *
 * @throws {SessionsError} `migration_failed`
 */
export function liftCommand(flow: AnyFlow, command: Continuing): Continuing | Refusal {
  const { version } = command;
  if (version === flow.version) return command;
  const now = { ...command, version: flow.version };
  if (now.kind === "cancel") return now;
  const way = wayOf(flow, version, now.step);
  const step = way?.step ?? now.step;
  const definition = stepOf(flow, step);
  if (way === null || definition === undefined) return { code: "unknown_step", step };
  if (now.kind === "draft") {
    return { ...now, step, fields: liftDrafts(flow, version, { [now.step]: now.fields })[step]! };
  }
  // Whoever confirms something must see it as it is now.
  if (definition.confirm) return { code: "outdated", given: version, current: flow.version };
  if (way.again) {
    return { code: "invalid_input", step, issues: [{ path: [], message: "The step asks for something else now." }] };
  }
  const input = isFields(now.input) ? carry(flow, version, now.step, way, now.input) : now.input;
  const seen = Object.entries(now.seen).map(([name, by]) => [wayOf(flow, version, name)?.step ?? name, by]);
  return { ...now, step, input, seen: Object.fromEntries(seen) };
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
  const way = wayOf(flow, version, from);
  return way && { step: way.step, input: isFields(input) ? carry(flow, version, from, way, input) : input };
}

/**
 * Drafts of an earlier version as the flow's own, on top of others.
 *
 * @throws {SessionsError} `migration_failed`
 */
export function liftDrafts(flow: AnyFlow, version: number, drafts: Drafts, others: Drafts = {}): Drafts {
  const lifted = { ...others };
  for (const [from, fields] of Object.entries(drafts)) {
    const way = wayOf(flow, version, from);
    if (way === null) continue;
    lifted[way.step] = mergeFields(lifted[way.step] ?? {}, liftFields(flow, version, from, way, fields));
  }
  return lifted;
}

/** A field is as new as the newest that it is made of: tried without each of them, to see which those are. */
function liftFields(flow: AnyFlow, version: number, from: string, way: Way, fields: FieldDrafts): FieldDrafts {
  const entries = Object.entries(fields);
  const carried = (some: typeof entries) => {
    const values = Object.fromEntries(some.map(([name, { value }]) => [name, value]));
    return carry(flow, version, from, way, values);
  };
  const made = carried(entries);
  if (way.fields === undefined || entries.length === 0) return fields;

  const without = entries.map((left) => {
    try {
      return { left, made: carried(entries.filter((entry) => entry !== left)) };
    } catch {
      return { left, made: {} };
    }
  });
  const definition = stepOf(flow, way.step);
  const known = definition && fieldNames(definition);
  const lifted: FieldDrafts = {};
  for (const [field, value] of Object.entries(made)) {
    if (known && !known.includes(field)) continue;
    // What a migration adds of its own must not win over what somebody typed.
    let at = oldest(entries[0]![1].at);
    for (const {
      left: [, source],
      made: rest,
    } of without) {
      if (source.at > at && !sameJson(rest[field], value)) at = source.at;
    }
    lifted[field] = { value, at };
  }
  return lifted;
}

/** Runs the migrations of a step; without any, it must have the fields that the step has now. */
function carry(flow: AnyFlow, version: number, from: string, way: Way, old: OldFields): Record<string, Json> {
  let made: unknown = old;
  try {
    made = way.fields ? way.fields(old) : old;
  } catch (cause) {
    // Its message may quote what a person typed.
    throw failed(flow, version, from, `The migration threw${cause instanceof Error ? ` ${cause.name}` : ""}.`);
  }
  const plain = storable(made);
  if (!plain.ok || !isFields(plain.value)) throw failed(flow, version, from, "The migration made no object of JSON.");
  const definition = stepOf(flow, way.step);
  const known = definition && fieldNames(definition);
  const strange = way.fields === undefined && known && Object.keys(plain.value).some((name) => !known.includes(name));
  if (strange) throw failed(flow, version, from, "It lost a field that no migration mentions.");
  return plain.value;
}

/** Follows a step through the versions; null when it was removed on the way. */
export function wayOf(flow: AnyFlow, version: number, from: string): Way | null {
  let way: Way = { step: from, again: false, fields: undefined };
  for (let number = version; number < flow.version; number += 1) {
    const steps = flow.migrate[number];
    if (steps === undefined) throw failed(flow, version, from, `There is no migration from version ${number}.`);
    const given = Object.hasOwn(steps, way.step) ? steps[way.step] : undefined;
    if (given === null) return null;
    if (given === undefined) continue;
    const { to = way.step, again = way.again, fields } = typeof given === "function" ? { fields: given } : given;
    const before = way.fields;
    const both = before && fields ? (old: OldFields) => fields(before(old)) : (fields ?? before);
    way = { step: to, again: again || way.again, fields: both };
  }
  return way;
}

function failed(flow: AnyFlow, version: number, step: string, detail: string): SessionsError {
  return new SessionsError(
    "migration_failed",
    `Flow ${flow.name}, version ${version} to ${flow.version}, step ${step}: ${detail}`,
  );
}

function isFields(value: Json): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function without<T>(record: Readonly<Record<string, T>>, names: ReadonlySet<string>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.has(name)));
}
