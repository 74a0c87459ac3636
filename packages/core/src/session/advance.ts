import type { CancelCommand, Command, DraftCommand, StartCommand, SubmitCommand } from "../protocol/command.ts";
import {
  expireIfDue,
  startSession,
  endSession,
  applySubmission,
  nextRevisionOf,
  type HistoryChange,
  type ChangeContext,
} from "./change.ts";
import { mergeDraft, storableDraft, fieldsTypedSince } from "./drafts.ts";
import { SessionsError } from "../error.ts";
import { fieldTest, stepOf, type AnyFlow } from "../flow/flow.ts";
import { notStorable, parseInput, submittedInput } from "./input.ts";
import { boundedIssues } from "../issues.ts";
import { sameJson } from "../json.ts";
import { liftCommand, liftSession, type LaterCommand } from "./lift.ts";
import type { Parser } from "./parser.ts";
import type { Refusal } from "../refusal.ts";
import { clampStamp } from "../protocol/stamp.ts";
import { progressOf } from "./progress.ts";
import type { Snapshot } from "../protocol/snapshot.ts";

/** When a command is judged, and which device sent it. */
export interface AdvanceContext extends ChangeContext {
  /** Parses a submission's input. A command that may be judged again uses `createParser()`, so its input is parsed once. */
  readonly parse?: Parser;
}

/** `fault`: why data of an earlier version could not be lifted. */
export type Advanced =
  | { readonly accepted: true; readonly session: Snapshot; readonly change: HistoryChange | null }
  | { readonly accepted: false; readonly refusal: Refusal; readonly fault?: SessionsError };

const refuse = (refusal: Refusal): Advanced => ({ accepted: false, refusal });

/**
 * The rules: it applies a command to a session, or refuses it. It is pure. The browser runs it to render at once, and
 * the server runs it to decide. `session` is null when no session has the command's id. A session or command of an
 * earlier version of the flow is lifted first. If it cannot be lifted, or is of a later version, the command is refused
 * as `outdated`. No command of a client makes it throw.
 *
 * @throws {SessionsError} `path_invalid` when the flow's own path function misbehaves.
 */
export function advance(flow: AnyFlow, session: Snapshot | null, command: Command, context: AdvanceContext): Advanced {
  // A session has this id already, so the flow and version of the start do not matter.
  if (command.kind === "start" && session !== null) return refuse({ code: "command_mismatch" });
  if (command.version > flow.version) return outdated(flow, command.version);
  if (command.kind === "start") return start(flow, command, context);
  if (session === null) return refuse({ code: "not_found" });
  const { status, expiresAt } = expireIfDue(session, context.nowMs);
  if (status === "expired") return refuse({ code: "expired", at: expiresAt });
  if (status !== "active") return refuse({ code: "ended", status });
  if (session.version > flow.version) return outdated(flow, session.version);
  try {
    const lifted = liftSession(flow, session);
    const liftedCommand = liftCommand(flow, command, session);
    if ("code" in liftedCommand) return refuse(liftedCommand);
    const advanced = judgeLifted(flow, lifted, liftedCommand, context);
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

/** A lift alone is not stored. It is stored with the first change that a command makes. */
function afterLift(session: Snapshot, lifted: Snapshot, advanced: Extract<Advanced, { accepted: true }>): Advanced {
  if (advanced.session === lifted) return { accepted: true, session, change: null };
  const { version, data, inputs, outputs, submissions } = lifted;
  const change = advanced.change ?? { kind: "lift" as const };
  return { ...advanced, change: { ...change, lifted: { version, data, inputs, outputs, submissions } } };
}

function judgeLifted(flow: AnyFlow, session: Snapshot, command: LaterCommand, context: AdvanceContext): Advanced {
  switch (command.kind) {
    case "submit":
      return submit(flow, session, command, context);
    case "draft":
      return draft(flow, session, command, context);
    case "cancel":
      return cancel(flow, session, command, context);
  }
}

/** The commands whose submissions a person sees in a step and in the steps that it depends on. */
export function seenBy(flow: AnyFlow, session: Snapshot, step: string): SubmitCommand["seen"] {
  const names = [step, ...(stepOf(flow, step)?.dependsOn ?? [])];
  return Object.fromEntries(names.map((name) => [name, session.submissions[name]?.command ?? null]));
}

function start(flow: AnyFlow, command: StartCommand, context: AdvanceContext): Advanced {
  if (command.flow !== flow.name) return refuse({ code: "flow_not_served", flow: command.flow });
  return {
    accepted: true,
    session: startSession(flow, command.session, context),
    change: { kind: "start", version: flow.version },
  };
}

function submit(flow: AnyFlow, session: Snapshot, command: SubmitCommand, context: AdvanceContext): Advanced {
  const { step } = command;
  const definition = stepOf(flow, step);
  if (definition === undefined) return refuse({ code: "unknown_step", step });

  const parsed = (context.parse ?? parseInput)(definition, step, command.input);
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

  const { seenDrafts } = command;
  const change = {
    kind: "submit",
    step,
    data: parsed.value,
    ...(parsed.input !== undefined && { input: parsed.input }),
    // A stamp of a clock that runs ahead must not make all later typing look older.
    ...(seenDrafts !== undefined && { seenDrafts: seenDrafts.map((at) => clampStamp(at, context.nowMs)) }),
  } as const;
  return {
    accepted: true,
    session: applySubmission(flow, session, change, { ...context, command: command.id }),
    change,
  };
}

function draft(flow: AnyFlow, session: Snapshot, command: DraftCommand, context: AdvanceContext): Advanced {
  const { step } = command;
  const definition = stepOf(flow, step);
  if (definition === undefined) return refuse({ code: "unknown_step", step });

  if (definition.sensitive) {
    return refuse({ code: "invalid_input", step, issues: [{ path: [], message: "A sensitive step has no draft." }] });
  }
  const has = fieldTest(definition);
  const strange = Object.keys(command.fields).filter((field) => !has(field));
  if (strange.length > 0) {
    const issues = strange.map((field) => ({ path: [field], message: "The step has no such field." }));
    return refuse({ code: "invalid_input", step, ...boundedIssues(issues) });
  }
  const storable = storableDraft(command.fields);
  if (!storable.ok) return refuse(notStorable(step, storable));

  const seen = command.seen && (command.seen[step] ?? null);
  const submission = session.submissions[step];
  const fields = fieldsTypedSince(command.fields, session, step, context.nowMs);
  const unseen =
    seen !== undefined && submission && submission.command !== seen && submission.device.id !== context.device.id;
  if (unseen && Object.keys(fields).length > 0) {
    return refuse({ code: "conflict", step, changed: [step], theirs: submittedInput(session, step)! });
  }
  const before = session.drafts[step] ?? {};
  const merged = mergeDraft(before, fields, context.nowMs);
  const whole = storableDraft(merged);
  if (!whole.ok) return refuse(notStorable(step, whole));
  if (sameJson(before, merged)) return { accepted: true, session, change: null };

  const drafts = { ...session.drafts, [step]: merged };
  return { accepted: true, session: nextRevisionOf(flow, { ...session, drafts }, context), change: null };
}

function cancel(flow: AnyFlow, session: Snapshot, _command: CancelCommand, context: AdvanceContext): Advanced {
  return {
    accepted: true,
    session: endSession(nextRevisionOf(flow, session, context), "cancelled"),
    change: { kind: "end", status: "cancelled" },
  };
}
