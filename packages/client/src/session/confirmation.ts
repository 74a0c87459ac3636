import type { AnyFlow, SubmitCommand } from "@sessions/core";
import {
  consumeDrafts,
  noteConfirmation,
  settle,
  settlementOf,
  unsettledRefusal,
  forgetConfirmation,
} from "../record/queue.ts";
import { sequence, unchanged, type RecordUpdate, type SessionRecord, type Settlement } from "../record/record.ts";
import { applySnapshot } from "../record/snapshot.ts";
import { askReceipt, refuse, sendOnce, type Verdict } from "../sync/irreversible.ts";
import type { Sync } from "../sync/sync.ts";
import { endedAtOnce, type PendingSubmission } from "./submission.ts";

/** The irreversible step of one session: sends it, and finds its outcome. */
export interface Confirmation {
  /** Sends the step while the person waits. It is refused while other commands are pending. */
  send(command: SubmitCommand): PendingSubmission<Settlement>;
  /** Asks for the receipt of the step in the record, unless this tab is sending it or asks already. */
  recover(): void;
}

/** `recordNow` reads the session's record. */
export function createConfirmation(
  flow: AnyFlow,
  session: string,
  sync: Sync,
  recordNow: () => SessionRecord,
): Confirmation {
  const { store, environment } = sync;
  // The id of the command that this tab sends.
  let sending: string | undefined;
  let isRecovering = false;

  async function applyVerdict(
    command: string,
    { outcome, snapshot }: Verdict,
    ...more: RecordUpdate[]
  ): Promise<Settlement> {
    const settlement = settlementOf(outcome);
    const apply = snapshot ? applySnapshot(snapshot, sync.device(), flow) : unchanged;
    await store.change(session, sequence(apply, settle(command, settlement), ...more));
    return settlement;
  }

  async function sendNow(command: SubmitCommand): Promise<Settlement> {
    const { pending, confirmation } = recordNow();
    // Another tab was faster.
    const isLate = pending.length > 0 || (confirmation !== null && confirmation.id !== command.id);
    const verdict = isLate ? refuse(unsettledRefusal(recordNow())) : await sendOnce(command, sync);
    sending = undefined;
    return applyVerdict(
      command.id,
      verdict,
      verdict.outcome.outcome === "accepted" ? consumeDrafts(command) : unchanged,
    );
  }

  async function recover(noted: NonNullable<SessionRecord["confirmation"]>): Promise<void> {
    isRecovering = true;
    const isOpen = () => sync.isOpen && recordNow().confirmation?.id === noted.id;
    const verdict = await askReceipt({ ...noted, session }, isOpen, sync);
    isRecovering = false;
    if (verdict && isOpen()) await applyVerdict(noted.id, verdict, forgetConfirmation(noted.id));
  }

  return {
    send(command) {
      const { id, step } = command;
      const record = recordNow();
      if (record.pending.length > 0) return endedAtOnce({ outcome: "refused", refusal: unsettledRefusal(record) });
      sending = id;
      // The record holds the command's id alone: a page that comes back asks for the receipt, and never sends again.
      const stored = store.change(session, noteConfirmation({ id, step, atMs: environment.now() }));
      return { stored, settled: stored.then(() => sendNow(command)) };
    },
    recover() {
      const { confirmation } = recordNow();
      if (confirmation === null || isRecovering || !store.loaded || confirmation.id === sending) return;
      void recover(confirmation);
    },
  };
}
