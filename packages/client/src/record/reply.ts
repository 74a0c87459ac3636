import {
  pickFields,
  stampDevice,
  parseInput,
  sameJson,
  stepOf,
  withoutSeenFields,
  type AnyFlow,
  type Command,
  type Device,
  type Outcome,
  type Refusal,
  type Snapshot,
} from "@sessions/core/internal";
import { applySnapshot } from "./snapshot.ts";
import { shelveDraft, shelveUnseen, unseenOwnDrafts } from "./conflict.ts";
import {
  dropDraft,
  emptyFields,
  inputFields,
  keepDraft,
  pendingSubmitCommands,
  stampFields,
  type Fields,
} from "./drafts.ts";
import { liftSnapshot, liftSubmission } from "./lift.ts";
import { settle, submissionOutcomeOf, unshelve } from "./queue.ts";
import {
  compose,
  unchanged,
  type RecordUpdate,
  type PendingCommand,
  type QueuedCommand,
  type SessionRecord,
  type StoredShelvedChange,
} from "./record.ts";

/** The server's reply to the pushed commands of one session. */
export interface SessionReply {
  readonly snapshot: Snapshot | undefined;
  /** By command id. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** The commands that it answers. The record has them all, but for the drafts. */
  readonly commands: readonly Command[];
}

/** After these refusals the input is not a draft again: it would hide the server's value, or be refused again. */
const NOT_A_DRAFT_AGAIN = ["conflict", "expired", "unknown_step", "too_large", "blocked"] as const;

/** After these it is. A code that is in neither list does not compile below. */
type DraftAgain =
  | "invalid_input"
  | "step_unreachable"
  | "rejected"
  | "sign_in_again"
  | "guest"
  | "limit_reached"
  | "ended"
  | "not_found"
  | "flow_not_served"
  | "command_mismatch"
  | "outdated"
  | "too_many_commands"
  | "malformed"
  | "busy"
  | "failed"
  | "unsettled"
  | "offline";

/** The page and the moment in which a reply is applied. */
export interface ReplyContext {
  readonly flow: AnyFlow;
  readonly device: Device;
  readonly nowMs: number;
}

/**
 * Applies the server's answer: each command is applied, superseded or shelved. A command stays pending if the server is
 * too old, too new or too busy for it, and so does every command behind it.
 */
export function applyReply({ snapshot, outcomes, commands }: SessionReply, context: ReplyContext): RecordUpdate {
  return (before) => {
    const { flow, device } = context;
    const { version } = flow;
    const told = snapshot && liftSnapshot(flow, snapshot);
    // Only a page of another version can read the answer. It sends everything again.
    if (before.version !== version || (told && told.version !== version)) return { ...before, outdated: true };
    let record = told ? applySnapshot(told, device, flow)(before) : before;
    let held = false;
    let outdated = false;
    const hold = ({ code }: Refusal) => {
      outdated ||= code === "outdated";
      held ||= code === "outdated" || code === "busy";
    };
    // Without its start there is no session, so every other command is refused with it.
    let lost: Refusal | undefined;

    for (const { command } of before.pending) {
      const { id, kind } = command;
      const outcome: Outcome | undefined = outcomes.get(id) ?? (lost && { status: "refused", refusal: lost });
      if (outcome === undefined || outcome.status === "accepted") continue;
      hold(outcome.refusal);
      if (held) continue;
      if (kind === "start") lost = outcome.refusal;
      record = applyRefusal(id, lost ?? outcome.refusal, context)(record);
    }

    for (const command of commands) {
      const { id } = command;
      const outcome = outcomes.get(id);
      if (command.kind !== "draft") {
        // Another tab may have heard that it was refused, and this one sent it once more.
        if (outcome?.status === "accepted")
          record = compose(unshelve(id), settle(id, submissionOutcomeOf(outcome)))(record);
        continue;
      }
      if (outcome === undefined) continue;
      const { step, fields } = command;
      if (outcome.status === "accepted") {
        // Another tab may have heard already that the step was submitted after this draft, and without having seen it.
        const accepted = { ...(told ?? record.snapshot!), drafts: { [step]: fields } };
        const left = dropDraft(step, fields)(record);
        record = shelveUnseen(unseenOwnDrafts(left, accepted, device), accepted, device)(left);
        continue;
      }
      hold(outcome.refusal);
      if (held) continue;
      record = applyDraftRefusal(id, step, fields, lost ?? outcome.refusal, context)(record);
    }
    return { ...record, outdated };
  };
}

/** How long the server asks to wait, in milliseconds; 0 if it decided. */
export function busyMsOf(outcome: Outcome): number {
  if (outcome.status === "accepted" || outcome.refusal.code !== "busy") return 0;
  return Math.max(1, outcome.refusal.retryAfterMs);
}

function applyRefusal(id: string, refusal: Refusal, context: ReplyContext): RecordUpdate {
  return (record) => {
    const entry = record.pending.find(({ command }) => command.id === id)!;
    const command = liftQueued(entry.command, context.flow);
    const by = supersededBy(record, { ...entry, command }, context.flow);
    if (by !== undefined) return compose(settle(id, { status: "superseded", by }), inheritBase(entry, by))(record);

    const step = command.kind === "submit" ? command.step : null;
    const mine = command.kind === "submit" ? command.input : null;
    const isSecret = step !== null && stepOf(context.flow, step)?.sensitive;
    const change = isSecret ? unchanged : shelve({ id, kind: command.kind, step, refusal, base: entry.base, mine });
    return compose(settle(id, { status: "refused", refusal }), change, restoreDraft(command, refusal, context))(record);
  };
}

/** A command that was queued at an earlier version of the flow, lifted to this version. */
function liftQueued(command: QueuedCommand, flow: AnyFlow): QueuedCommand {
  if (command.kind !== "submit") return command;
  return { ...command, ...liftSubmission(flow, command.version, command.step, command.input) };
}

/** The command that replaces a refused one: a later submission here, or the server's with the same value. Undefined for none. */
function supersededBy(record: SessionRecord, { command }: PendingCommand, flow: AnyFlow): string | null | undefined {
  const { snapshot } = record;
  if (command.kind === "cancel") return snapshot?.status === "cancelled" ? null : undefined;
  if (command.kind === "start") return undefined;

  const { step } = command;
  const submissions = pendingSubmitCommands(record, step);
  const later = submissions[submissions.findIndex(({ id }) => id === command.id) + 1];
  if (later) return later.id;

  const definition = stepOf(flow, step);
  const parsed = definition && parseInput(definition, step, command.input);
  if (!parsed?.ok || !sameJson(parsed.value, snapshot?.data[step])) return undefined;
  return snapshot?.submissions[step]?.command;
}

/** The submission that replaces a refused one gets its base: the value that both are compared with. */
function inheritBase({ base }: PendingCommand, by: string | null): RecordUpdate {
  return (record) => ({
    ...record,
    pending: record.pending.map((entry) => (entry.command.id === by ? { ...entry, base } : entry)),
  });
}

function shelve(change: StoredShelvedChange): RecordUpdate {
  return (record) => ({ ...record, shelved: [...record.shelved, change] });
}

/** Makes a refused input the step's draft again, except fields with a newer draft. In an ended session it does nothing. */
function restoreDraft(command: QueuedCommand, refusal: Refusal, { flow, device, nowMs }: ReplyContext): RecordUpdate {
  return (record) => {
    if (command.kind !== "submit" || record.snapshot?.status !== "active") return record;
    const notAgain: readonly (DraftAgain | (typeof NOT_A_DRAFT_AGAIN)[number])[] = NOT_A_DRAFT_AGAIN;
    if (notAgain.includes(refusal.code) || !stepOf(flow, command.step)?.queued) return record;
    const shown = record.snapshot.drafts[command.step] ?? {};
    const unseen = withoutSeenFields(shown, command.seenDrafts);
    // A field that the form had seen and did not submit is empty.
    const seen = pickFields(shown, (field) => !Object.hasOwn(unseen, field));
    const before = Object.keys({ ...inputFields(record.snapshot, command.step), ...seen });
    const input: Fields = {
      ...emptyFields(before),
      ...(command.input as Fields),
    };
    // The server has these already, or newer ones.
    const onServer = pickFields(
      shown,
      (field, { value, at }) =>
        sameJson(value, input[field]) || (stampDevice(at) !== device.id && Object.hasOwn(unseen, field)),
    );
    const newer = { ...onServer, ...record.drafts[command.step] };
    const left = pickFields(input, (field) => !Object.hasOwn(newer, field));
    const draftFields = stampFields(record, left, device.id, nowMs, shown);
    return Object.keys(draftFields).length > 0 ? keepDraft(command.step, draftFields, flow.version)(record) : record;
  };
}

function applyDraftRefusal(
  id: string,
  step: string,
  sent: Snapshot["drafts"][string],
  refusal: Refusal,
  { flow }: ReplyContext,
): RecordUpdate {
  return (record) => {
    const lost = pickFields(record.drafts[step] ?? {}, (field, { at }) => sent[field]?.at === at);
    const left = dropDraft(step, sent)(record);
    return stepOf(flow, step)?.sensitive ? left : shelveDraft({ id, step, refusal, base: null }, lost)(left);
  };
}
