import { SessionsError } from "../error.ts";
import { dependents, stepOf, type AnyFlow } from "../flow/flow.ts";
import type { Json } from "../json.ts";
import type { Device } from "../protocol/command.ts";
import type { Snapshot, Status } from "../protocol/snapshot.ts";
import type { Stamp } from "../protocol/stamp.ts";
import { draftsAfter } from "./drafts.ts";
import type { Lifted } from "./lift.ts";
import { progressOf } from "./progress.ts";
import { pickSteps } from "./submitted-steps.ts";

/** When a command takes effect, and which device sent it. */
export interface ChangeContext {
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  readonly device: Device;
}

/**
 * The part of an accepted command that the history keeps. A draft leaves no change, with one exception: the first draft
 * that finds the session at an earlier version of its flow leaves a `lift`. `lifted` is the session as the command found
 * it, after the lift. So a replay of the history uses the results of the migrations, and does not run them again.
 */
export type HistoryChange = (
  | { readonly kind: "start"; readonly version: number }
  | {
      readonly kind: "submit";
      readonly step: string;
      readonly data: Json;
      readonly input?: Json;
      readonly seenDrafts?: readonly Stamp[];
    }
  | { readonly kind: "end"; readonly status: Exclude<Status, "active" | "completed"> }
  | { readonly kind: "lift" }
  /** The visitor `from` began the session, and turned out to be its owner. */
  | { readonly kind: "adopt"; readonly from: string }
) & { readonly lifted?: Lifted };

/**
 * Applies a change to the session before it, as `advance` did when it accepted the command. A replay of the whole
 * history gives the snapshot without its drafts. `flow` has the version of the change: the version of the start, and
 * after an entry with `lifted` the version of that entry.
 */
export function applyChange(
  flow: AnyFlow,
  before: Snapshot | null,
  change: HistoryChange,
  context: ChangeContext & { readonly command: string; readonly session: string },
): Snapshot {
  if (change.kind === "start") return startSession(flow, context.session, context);
  if (before === null) throw new SessionsError("flow_invalid", "A history begins with its start.");
  const session = { ...before, ...change.lifted };
  if (change.kind === "lift") return nextRevisionOf(flow, session, context);
  // Nobody did anything, so the times stay.
  if (change.kind === "adopt") return { ...session, revision: session.revision + 1 };
  if (change.kind === "end" && change.status === "expired") return expireSession(session);
  if (change.kind === "end") return endSession(nextRevisionOf(flow, session, context), change.status);
  return applySubmission(flow, session, change, context);
}

/**
 * A session as it is at a moment. If its deadline has passed, it is expired, at the next revision, no matter whether a
 * sweep has ended it. The result may be shown, but not sent to others: a command that was judged in time may still take
 * that revision.
 */
export function expireIfDue(session: Snapshot, nowMs: number): Snapshot {
  return session.status === "active" && Date.parse(session.expiresAt) <= nowMs ? expireSession(session) : session;
}

export function startSession(flow: AnyFlow, id: string, context: ChangeContext): Snapshot {
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

/** The session after a submission, and after its completion if no step on the path is left. */
export function applySubmission(
  flow: AnyFlow,
  session: Snapshot,
  change: Extract<HistoryChange, { kind: "submit" }>,
  context: ChangeContext & { readonly command: string },
): Snapshot {
  const { step } = change;
  const cleared = dependents(flow, step);
  const kept = pickSteps(session, (name) => name !== step && !cleared.has(name));
  const data = { ...kept.data, [step]: change.data };
  const next: Snapshot = {
    ...nextRevisionOf(flow, session, context),
    data,
    inputs: { ...kept.inputs, ...(change.input !== undefined && { [step]: change.input }) },
    outputs: kept.outputs,
    submissions: {
      ...kept.submissions,
      [step]: {
        command: context.command,
        at: iso(context.nowMs),
        device: context.device,
        ...(change.seenDrafts !== undefined && { seenDrafts: [...change.seenDrafts] }),
        ...(stepOf(flow, step)?.sensitive && { sensitive: true }),
      },
    },
    drafts: draftsAfter(flow, session, step, cleared),
  };
  const { path, current } = progressOf(flow, data);
  if (current !== null) return next;
  return { ...endSession(next, "completed"), ...pickSteps(next, (name) => path.includes(name)) };
}

export function endSession(session: Snapshot, status: Exclude<Status, "active">): Snapshot {
  return { ...session, status, endedAt: session.updatedAt, drafts: {} };
}

function expireSession(session: Snapshot): Snapshot {
  return { ...session, revision: session.revision + 1, status: "expired", endedAt: session.expiresAt, drafts: {} };
}

/** The session at its next revision, with new times. */
export function nextRevisionOf(flow: AnyFlow, session: Snapshot, context: ChangeContext): Snapshot {
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
