import { dropSubmitted, type Json, type Refusal } from "@sessions/core";
import { dropDraft, pickFields } from "./drafts.ts";
import type { RecordUpdate, QueuedCommand, SessionRecord, Settlement } from "./record.ts";

/** How many outcomes a record remembers: as many as a session takes commands in its life. */
const SETTLED_KEPT = 1_000;

/**
 * Queues a command, instead of a shelved change of that id. What it has seen typed in its step is part of it from now on.
 * While an irreversible step is unanswered it is refused: another tab may have sent that just now. What may have been sent
 * itself (`mayBeSent`) only the server can refuse.
 */
export function enqueue(
  command: QueuedCommand,
  base: Json | null,
  instead?: string,
  mayBeSent: (id: string) => boolean = () => false,
): RecordUpdate {
  return (before) => {
    const settlement = before.settled.find(({ id }) => id === command.id)?.settlement;
    if (settlement && isUnsettledRefusal(settlement)) return before;
    const record = instead === undefined ? before : unshelve(instead)(before);
    if (settlement || record.pending.some((entry) => entry.command.id === command.id))
      return consumeDrafts(command)(record);
    if (before.confirmation && !mayBeSent(command.id))
      return settle(command.id, { outcome: "refused", refusal: unsettledRefusal(before) })(before);
    const queued = { ...record, pending: [...record.pending, { command, base }] };
    if (command.kind === "start") return { ...queued, flow: command.flow, version: command.version };
    return record.version === command.version ? consumeDrafts(command)(queued) : queued;
  };
}

/** Forgets what a submission has taken up. What was typed since, or in another tab without its having seen it, stays. */
export function consumeDrafts(command: QueuedCommand): RecordUpdate {
  return (record) => {
    if (command.kind !== "submit") return record;
    const slots = record.drafts[command.step] ?? {};
    const left = dropSubmitted(slots, command.typed);
    const seen = pickFields(slots, (field) => !Object.hasOwn(left, field));
    return Object.keys(seen).length > 0 ? dropDraft(command.step, seen)(record) : record;
  };
}

/** Takes a shelved change away: it was retried or discarded. */
export function unshelve(id: string): RecordUpdate {
  return (record) => ({ ...record, shelved: record.shelved.filter((entry) => entry.id !== id) });
}

/** Remembers what is about to be sent and must not be sent again, unless its answer is known or another is awaited. */
export function noteConfirmation(asked: NonNullable<SessionRecord["confirmation"]>): RecordUpdate {
  return (record) =>
    record.settled.some(({ id }) => id === asked.id)
      ? record
      : { ...record, confirmation: record.confirmation ?? asked };
}

/** Forgets an irreversible step: the server has not taken it, and the page that sent it does not any more. */
export function forgetConfirmation(id: string): RecordUpdate {
  return (record) => (record.confirmation?.id === id ? { ...record, confirmation: null } : record);
}

/** Whether something was refused because of an irreversible step, or is one that was. */
export function isUnsettledRefusal(settlement: Settlement): boolean {
  return settlement.outcome === "refused" && settlement.refusal.code === "unsettled";
}

/** Whether nobody knows what became of an irreversible step: the server did not answer, and may have taken it. */
export function isUnknownOutcome(settlement: Settlement): boolean {
  return settlement.outcome === "refused" && settlement.refusal.code === "unconfirmed";
}

/** Why a command is not taken now. */
export function unsettledRefusal({ pending, confirmation }: SessionRecord): Refusal {
  return { code: "unsettled", pending: pending.length + (confirmation ? 1 : 0) };
}

/**
 * Tells what became of a command, to those who wait for it in any tab. An irreversible step of which nobody knows it is
 * still asked for, after a reload too.
 */
export function settle(id: string, settlement: Settlement): RecordUpdate {
  return (record) => ({
    ...record,
    confirmation: record.confirmation?.id === id && !isUnknownOutcome(settlement) ? null : record.confirmation,
    pending: record.pending.filter(({ command }) => command.id !== id),
    settled: [...record.settled.filter((known) => known.id !== id), { id, settlement }].slice(-SETTLED_KEPT),
  });
}
