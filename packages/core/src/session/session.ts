import type { CancelCommand, Command, Device, DraftCommand, StartCommand, SubmitCommand } from "../protocol/command.ts";
import { draftsAfter, mergeDraft, storableDraft, typedSince } from "./drafts.ts";
import { SessionsError } from "../error.ts";
import { dependents, fieldNames, stepOf, type AnyFlow } from "../flow/flow.ts";
import { notStorable, parse, submittedInput } from "./input.ts";
import { counted } from "../issues.ts";
import { sameJson, type Json } from "../json.ts";
import { liftCommand, liftSession, type Continuing, type Lifted } from "./lift.ts";
import type { Parser } from "./parser.ts";
import type { Refusal } from "../refusal.ts";
import { clampStamp, type Stamp } from "../protocol/stamp.ts";
import { progressOf } from "./progress.ts";
import type { Snapshot, Status } from "../protocol/snapshot.ts";

/** When and where a command is judged. */
export interface AdvanceContext {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly device: Device;
  /** How a submission's input is parsed, where the command may be judged again: `createParser()`. */
  readonly parse?: Parser;
}

/**
 * What an accepted command leaves in the history. Drafts leave nothing, but the first one that finds the session at
 * an earlier version of its flow leaves a `lift`. `lifted` is the session as the command found it, lifted: the history
 * replays by the migrations' outcome, not by the migrations.
 */
export type Change = (
  | { readonly kind: "start"; readonly version: number }
  | {
      readonly kind: "submit";
      readonly step: string;
      readonly data: Json;
      readonly input?: Json;
      readonly typed?: readonly Stamp[];
    }
  | { readonly kind: "end"; readonly status: Exclude<Status, "active" | "completed"> }
  | { readonly kind: "lift" }
) & { readonly lifted?: Lifted };

/** `fault`: why something of an earlier version could not be lifted. */
export type Advanced =
  | { readonly accepted: true; readonly session: Snapshot; readonly change: Change | null }
  | { readonly accepted: false; readonly refusal: Refusal; readonly fault?: SessionsError };

const refuse = (refusal: Refusal): Advanced => ({ accepted: false, refusal });

/**
 * The rules: what a command makes of a session. Pure and total; the browser runs it to render at once, the
 * server to decide. `session` is null when there is none of that id. What is of an earlier version of the flow is
 * lifted first; what cannot be, and what is of a later one, is `outdated`. Never throws for anything a client sends.
 *
 * @throws {SessionsError} `path_invalid` when the flow's own path function misbehaves.
 */
export function advance(flow: AnyFlow, session: Snapshot | null, command: Command, context: AdvanceContext): Advanced {
  // Its id is taken, whatever flow and version the start is of.
  if (command.kind === "start" && session !== null) return refuse({ code: "command_mismatch" });
  if (command.version > flow.version) return outdated(flow, command.version);
  if (command.kind === "start") return start(flow, command, context);
  if (session === null) return refuse({ code: "not_found" });
  const { status, expiresAt } = atTime(session, context.nowMs);
  if (status === "expired") return refuse({ code: "expired", at: expiresAt });
  if (status !== "active") return refuse({ code: "ended", status });
  if (session.version > flow.version) return outdated(flow, session.version);
  try {
    const lifted = liftSession(flow, session);
    const now = liftCommand(flow, command, session);
    if ("code" in now) return refuse(now);
    const advanced = judge(flow, lifted, now, context);
    return lifted === session || !advanced.accepted ? advanced : afterLift(session, lifted, advanced);
  } catch (error) {
    const fault = error instanceof SessionsError && error.code === "migration_failed" ? error : undefined;
    if (fault === undefined) throw error;
    return { ...outdated(flow, Math.min(session.version, command.version)), fault };
  }
}

function outdated(flow: AnyFlow, given: number): Extract<Advanced, { accepted: false }> {
  return { accepted: false, refusal: { code: "outdated", given, current: flow.version } };
}

/** Lifting alone changes nothing: it is kept with what the first command makes of the session. */
function afterLift(session: Snapshot, lifted: Snapshot, advanced: Extract<Advanced, { accepted: true }>): Advanced {
  if (advanced.session === lifted) return { accepted: true, session, change: null };
  const { version, data, inputs, outputs, submissions } = lifted;
  const change = advanced.change ?? { kind: "lift" as const };
  return { ...advanced, change: { ...change, lifted: { version, data, inputs, outputs, submissions } } };
}

function judge(flow: AnyFlow, session: Snapshot, command: Continuing, context: AdvanceContext): Advanced {
  switch (command.kind) {
    case "submit":
      return submit(flow, session, command, context);
    case "draft":
      return draft(flow, session, command, context);
    case "cancel":
      return cancel(flow, session, command, context);
  }
}

/**
 * A session as it is at a moment: one whose deadline has passed is expired, at the next revision, whether or
 * not a sweep has seen it. To be shown, not told to others: a command that was judged in time may yet take
 * that revision.
 */
export function atTime(session: Snapshot, nowMs: number): Snapshot {
  return session.status === "active" && Date.parse(session.expiresAt) <= nowMs ? expired(session) : session;
}

/** The commands whose submissions a person sees in a step and in those it depends on. */
export function seenBy(flow: AnyFlow, session: Snapshot, step: string): SubmitCommand["seen"] {
  const names = [step, ...(stepOf(flow, step)?.dependsOn ?? [])];
  return Object.fromEntries(names.map((name) => [name, session.submissions[name]?.command ?? null]));
}

/**
 * Replays a change on the session before it, as {@link advance} did when it was accepted.
 * The history replayed from its start yields the snapshot, drafts aside. `flow` is that of the change's own version:
 * the start's, and from an entry with `lifted` on, its.
 */
export function apply(
  flow: AnyFlow,
  before: Snapshot | null,
  change: Change,
  context: AdvanceContext & { readonly command: string; readonly session: string },
): Snapshot {
  if (change.kind === "start") return begin(flow, context.session, context);
  if (before === null) throw new SessionsError("flow_invalid", "A history begins with its start.");
  const session = { ...before, ...change.lifted };
  if (change.kind === "lift") return touch(flow, session, context);
  if (change.kind === "end" && change.status === "expired") return expired(session);
  if (change.kind === "end") return end(touch(flow, session, context), change.status);
  return submitted(flow, session, change, context);
}

function start(flow: AnyFlow, command: StartCommand, context: AdvanceContext): Advanced {
  if (command.flow !== flow.name) return refuse({ code: "unknown_flow", flow: command.flow });
  return {
    accepted: true,
    session: begin(flow, command.session, context),
    change: { kind: "start", version: flow.version },
  };
}

function submit(flow: AnyFlow, session: Snapshot, command: SubmitCommand, context: AdvanceContext): Advanced {
  const { step } = command;
  const definition = stepOf(flow, step);
  if (definition === undefined) return refuse({ code: "unknown_step", step });

  const parsed = (context.parse ?? parse)(definition, step, command.input);
  if (!parsed.ok) return refuse(parsed.refusal);

  const changed = [step, ...definition.dependsOn].filter(
    (name) => (session.submissions[name]?.command ?? null) !== (command.seen[name] ?? null),
  );
  if (changed.length > 0) {
    const theirs = definition.sensitive ? null : (submittedInput(session, step) ?? null);
    return refuse({ code: "conflict", step, changed, theirs });
  }

  const { open, current } = progressOf(flow, session.data);
  if (!open.includes(step)) return refuse({ code: "step_unreachable", step, current: current ?? step });

  const { typed } = command;
  const change = {
    kind: "submit",
    step,
    data: parsed.value,
    ...(parsed.input !== undefined && { input: parsed.input }),
    // A stamp from a clock that runs ahead must not make what is typed afterwards late, for ever.
    ...(typed !== undefined && { typed: typed.map((at) => clampStamp(at, context.nowMs)) }),
  } as const;
  return { accepted: true, session: submitted(flow, session, change, { ...context, command: command.id }), change };
}

function draft(flow: AnyFlow, session: Snapshot, command: DraftCommand, context: AdvanceContext): Advanced {
  const { step } = command;
  const definition = stepOf(flow, step);
  if (definition === undefined) return refuse({ code: "unknown_step", step });

  if (definition.sensitive) {
    return refuse({ code: "invalid_input", step, issues: [{ path: [], message: "A sensitive step has no draft." }] });
  }
  const names = fieldNames(definition);
  const known = names && new Set(names);
  const strange = known ? Object.keys(command.fields).filter((field) => !known.has(field)) : [];
  if (strange.length > 0) {
    const issues = strange.map((field) => ({ path: [field], message: "The step has no such field." }));
    return refuse({ code: "invalid_input", step, ...counted(issues) });
  }
  const typed = storableDraft(command.fields);
  if (!typed.ok) return refuse(notStorable(step, typed));

  const seen = command.seen && (command.seen[step] ?? null);
  const stands = session.submissions[step];
  const fields = typedSince(command.fields, session, step, context.nowMs);
  const unseen = seen !== undefined && stands && stands.command !== seen && stands.device.id !== context.device.id;
  if (unseen && Object.keys(fields).length > 0) {
    return refuse({ code: "conflict", step, changed: [step], theirs: submittedInput(session, step)! });
  }
  const before = session.drafts[step] ?? {};
  const merged = mergeDraft(before, fields, context.nowMs);
  const whole = storableDraft(merged);
  if (!whole.ok) return refuse(notStorable(step, whole));
  if (sameJson(before, merged)) return { accepted: true, session, change: null };

  const drafts = { ...session.drafts, [step]: merged };
  return { accepted: true, session: touch(flow, { ...session, drafts }, context), change: null };
}

function cancel(flow: AnyFlow, session: Snapshot, _command: CancelCommand, context: AdvanceContext): Advanced {
  return {
    accepted: true,
    session: end(touch(flow, session, context), "cancelled"),
    change: { kind: "end", status: "cancelled" },
  };
}

function begin(flow: AnyFlow, id: string, context: AdvanceContext): Snapshot {
  const at = iso(context.nowMs);
  return {
    id,
    flow: flow.name,
    version: flow.version,
    revision: 1,
    status: "active",
    data: {},
    inputs: {},
    outputs: {},
    submissions: {},
    drafts: {},
    device: context.device,
    startedAt: at,
    updatedAt: at,
    expiresAt: iso(context.nowMs + Math.min(flow.idleMs, flow.absoluteMs)),
    endedAt: null,
    result: null,
  };
}

function submitted(
  flow: AnyFlow,
  session: Snapshot,
  change: Extract<Change, { kind: "submit" }>,
  context: AdvanceContext & { readonly command: string },
): Snapshot {
  const { step } = change;
  const cleared = dependents(flow, step);
  const keep = <T>(record: Record<string, T>) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => name !== step && !cleared.has(name)));

  const data = { ...keep(session.data), [step]: change.data };
  const touched = touch(flow, session, context);
  const next: Snapshot = {
    ...touched,
    data,
    inputs: { ...keep(session.inputs), ...(change.input !== undefined && { [step]: change.input }) },
    outputs: keep(session.outputs),
    submissions: {
      ...keep(session.submissions),
      [step]: {
        command: context.command,
        at: iso(context.nowMs),
        device: context.device,
        ...(change.typed !== undefined && { typed: [...change.typed] }),
        ...(stepOf(flow, step)?.sensitive && { sensitive: true }),
      },
    },
    drafts: draftsAfter(flow, session, step, cleared),
  };
  const { path, current } = progressOf(flow, data);
  if (current !== null) return next;
  const onPath = <T>(record: Record<string, T>) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => path.includes(name)));
  return {
    ...end(next, "completed"),
    data: onPath(next.data),
    inputs: onPath(next.inputs),
    outputs: onPath(next.outputs),
    submissions: onPath(next.submissions),
  };
}

function end(session: Snapshot, status: Exclude<Status, "active">): Snapshot {
  return { ...session, status, endedAt: session.updatedAt, drafts: {} };
}

function expired(session: Snapshot): Snapshot {
  return { ...session, revision: session.revision + 1, status: "expired", endedAt: session.expiresAt, drafts: {} };
}

function touch(flow: AnyFlow, session: Snapshot, context: AdvanceContext): Snapshot {
  // A clock that steps back must not move a session's times back with it.
  const nowMs = Math.max(context.nowMs, Date.parse(session.updatedAt));
  const latestMs = Date.parse(session.startedAt) + flow.absoluteMs;
  return {
    ...session,
    revision: session.revision + 1,
    device: context.device,
    updatedAt: iso(nowMs),
    expiresAt: iso(Math.min(nowMs + flow.idleMs, latestMs)),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
