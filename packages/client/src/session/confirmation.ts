import type { AnyFlow, SubmitCommand } from "@sessions/core/internal";
import {
  consumeDrafts,
  noteConfirmation,
  settle,
  submissionOutcomeOf,
  unsettledRefusal,
  dropConfirmation,
} from "../record/queue.ts";
import { compose, unchanged, type RecordUpdate, type SessionRecord, type SubmissionOutcome } from "../record/record.ts";
import { applySnapshot } from "../record/snapshot.ts";
import { askReceipt, refuse, sendUntilAnswered, type ReceivedOutcome } from "../sync/confirm-step.ts";
import type { ShownSession } from "./shown-session.ts";
import type { Sync } from "../sync/sync.ts";
import { refusedSubmission, type SubmissionProgress } from "./submission.ts";

/** The step of one session that is sent while the person waits, a `confirm` or `sensitive` one: sends it, and finds its outcome. */
export interface Confirmation {
  /** Sends the step while the person waits. It is refused while other commands are pending. */
  send(command: SubmitCommand): SubmissionProgress;
  /** Asks for the receipt of the step in the record, unless this tab is sending it or asks already. */
  recover(): void;
}

export function createConfirmation(flow: AnyFlow, session: string, sync: Sync, current: ShownSession): Confirmation {
  const { store, environment } = sync;
  // The id of the command that this tab sends.
  let sending: string | undefined;
  let isRecovering = false;

  async function applyOutcome(
    command: string,
    { outcome: received, snapshot }: ReceivedOutcome,
    ...more: RecordUpdate[]
  ): Promise<SubmissionOutcome> {
    const outcome = submissionOutcomeOf(received);
    const apply = snapshot ? applySnapshot(snapshot, sync.device(), flow) : unchanged;
    await store.change(session, compose(apply, settle(command, outcome), ...more));
    return outcome;
  }

  async function sendNow(command: SubmitCommand): Promise<SubmissionOutcome> {
    const { pending, confirmation } = current.record();
    // Another tab was faster.
    const isLate = pending.length > 0 || (confirmation !== null && confirmation.id !== command.id);
    const received = isLate ? refuse(unsettledRefusal(current.record())) : await sendUntilAnswered(command, sync);
    sending = undefined;
    return applyOutcome(
      command.id,
      received,
      received.outcome.status === "accepted" ? consumeDrafts(command) : unchanged,
    );
  }

  async function recover(noted: NonNullable<SessionRecord["confirmation"]>): Promise<void> {
    isRecovering = true;
    const isOpen = () => sync.isOpen() && current.record().confirmation?.id === noted.id;
    const received = await askReceipt({ ...noted, session }, isOpen, sync);
    isRecovering = false;
    if (received && isOpen()) await applyOutcome(noted.id, received, dropConfirmation(noted.id));
  }

  return {
    send(command) {
      const { id, step } = command;
      const record = current.record();
      if (record.pending.length > 0) return refusedSubmission(unsettledRefusal(record));
      sending = id;
      // The record holds the command's id alone: a page that comes back asks for the receipt, and never sends again.
      const stored = store.change(session, noteConfirmation({ id, step, atMs: environment.now() }));
      return { stored, settled: stored.then(() => sendNow(command)) };
    },
    recover() {
      const { confirmation } = current.record();
      if (confirmation === null || isRecovering || !store.loaded || confirmation.id === sending) return;
      void recover(confirmation);
    },
  };
}
