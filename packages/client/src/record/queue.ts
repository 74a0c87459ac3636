import { pickFields, withoutSeenFields, type Json, type Outcome, type Refusal } from "@sessions/core/internal";
import { dropDraft } from "./drafts.ts";
import type { RecordUpdate, QueuedCommand, SessionRecord, SubmissionOutcome } from "./record.ts";

/** How many outcomes a record holds: as many as a session takes commands in its life. */
const SETTLED_KEPT = 1_000;

/**
 * Queues a command, in place of the shelved change with the id `instead`.
 * - The record refused the command as `unsettled` before: nothing changes.
 * - The record has the command, or another outcome of it: the record drops the drafts that the command has seen.
 * - A `confirm` or `sensitive` step of the session waits for its answer: the record refuses the command as `unsettled`. A
 *   command that may have been sent (`mayBeSent`) is queued, because only the server can refuse it.
 * - Otherwise the record queues the command, and drops the drafts that it has seen.
 */
export function enqueue(
  command: QueuedCommand,
  base: Json | null,
  instead?: string,
  mayBeSent: (id: string) => boolean = () => false,
): RecordUpdate {
  return (before) => {
    const outcome = before.settled.find(({ id }) => id === command.id)?.outcome;
    if (outcome && isUnsettledRefusal(outcome)) return before;
    const record = instead === undefined ? before : unshelve(instead)(before);
    if (outcome || record.pending.some((entry) => entry.command.id === command.id))
      return consumeDrafts(command)(record);
    if (before.confirmation && !mayBeSent(command.id))
      return settle(command.id, { status: "refused", refusal: unsettledRefusal(before) })(before);
    const queued = { ...record, pending: [...record.pending, { command, base }] };
    if (command.kind === "start") return { ...queued, flow: command.flow, version: command.version };
    return record.version === command.version ? consumeDrafts(command)(queued) : queued;
  };
}

/** Drops the drafts that a submission has seen. Fields that were typed later, or in another tab unseen, stay. */
export function consumeDrafts(command: QueuedCommand): RecordUpdate {
  return (record) => {
    if (command.kind !== "submit") return record;
    const draftFields = record.drafts[command.step] ?? {};
    const left = withoutSeenFields(draftFields, command.seenDrafts);
    const seen = pickFields(draftFields, (field) => !Object.hasOwn(left, field));
    return dropDraft(command.step, seen)(record);
  };
}

/** Removes a shelved change: it was retried or discarded. */
export function unshelve(id: string): RecordUpdate {
  return (record) => ({ ...record, shelved: record.shelved.filter((entry) => entry.id !== id) });
}

/** Notes the `confirm` step that is sent next, unless its answer is known or another step waits for an answer. */
export function noteConfirmation(confirmation: NonNullable<SessionRecord["confirmation"]>): RecordUpdate {
  return (record) =>
    record.settled.some(({ id }) => id === confirmation.id)
      ? record
      : { ...record, confirmation: record.confirmation ?? confirmation };
}

/** Forgets a `confirm` step: the server has no receipt of it, and no page sends it any more. */
export function dropConfirmation(id: string): RecordUpdate {
  return (record) => (record.confirmation?.id === id ? { ...record, confirmation: null } : record);
}

/** Whether this is the refusal `unsettled`: the device refused the command while others waited for their answers. */
export function isUnsettledRefusal(outcome: SubmissionOutcome): boolean {
  return outcome.status === "refused" && outcome.refusal.code === "unsettled";
}

/** Whether the outcome of a `confirm` step is unknown: the server did not answer, and may have accepted it. */
export function isUnknownOutcome(outcome: SubmissionOutcome): boolean {
  return outcome.status === "unknown";
}

/** The refusal of a command while others, or a `confirm` step, wait for an answer. */
export function unsettledRefusal({ pending, confirmation }: SessionRecord): Refusal {
  return { code: "unsettled", pending: pending.length + (confirmation ? 1 : 0) };
}

/** The outcome of a submission that the server answered so. */
export function submissionOutcomeOf(outcome: Outcome | { readonly status: "unknown" }): SubmissionOutcome {
  return outcome.status === "accepted" ? { status: "accepted", revision: outcome.revision } : outcome;
}

/**
 * Notes how a command ended, for everybody who waits for it in any tab. If the outcome of a `confirm` step is unknown,
 * the client goes on asking for it, after a reload too.
 */
export function settle(id: string, outcome: SubmissionOutcome): RecordUpdate {
  return (record) => ({
    ...record,
    confirmation: record.confirmation?.id === id && !isUnknownOutcome(outcome) ? null : record.confirmation,
    pending: record.pending.filter(({ command }) => command.id !== id),
    settled: [...record.settled.filter((known) => known.id !== id), { id, outcome }].slice(-SETTLED_KEPT),
  });
}
