import type { Outcome, Refusal } from "@sessions/core/internal";
import type { SubmissionOutcome } from "../record/record.ts";

/** How far a submission has come. Awaiting it awaits `settled`. */
export interface SubmissionHandle extends PromiseLike<SubmissionOutcome> {
  /** The command's id: ask `receipt` with it whether it happened. */
  readonly id: string;
  /** It is on this device's disk, or known to be in memory only, or refused. Never rejects. */
  readonly stored: Promise<void>;
  /** The server has answered, or it was refused here. Never rejects; offline it waits. */
  readonly settled: Promise<SubmissionOutcome>;
}

/** How far a draft has come. */
export interface DraftHandle {
  /** It is on this device's disk, or known to be in memory only, or refused. Never rejects. */
  readonly stored: Promise<void>;
  /**
   * The server has it, or something newer typed in its place; refused when a field of it could not be kept. Never
   * rejects; offline it waits.
   */
  readonly settled: Promise<Outcome>;
  /** Why it, or a field of it, could not be kept at all; null when it is kept. Never rejects, and waits for nobody. */
  readonly refused: Promise<Refusal | null>;
}

/** How far a command of this page has come. It is made once the store was read. A `SubmissionHandle` exists before that. */
export interface SubmissionProgress {
  readonly stored: Promise<void>;
  readonly settled: Promise<SubmissionOutcome>;
}

/** As for a submission. `settled` is a function, because each keystroke makes a draft and nobody waits for most of them. */
export interface DraftProgress {
  readonly stored: Promise<void>;
  readonly refused: Refusal | null;
  readonly settled: () => Promise<Outcome>;
}

export function draftHandleOf(begun: DraftProgress | Promise<DraftProgress>): DraftHandle {
  const soon = Promise.resolve(begun);
  let settled: Promise<Outcome> | undefined;
  return {
    stored: soon.then(({ stored }) => stored),
    get settled() {
      return (settled ??= soon.then((it) => (it.refused ? { status: "refused", refusal: it.refused } : it.settled())));
    },
    refused: soon.then(({ refused }) => refused),
  };
}

export function submissionHandleOf(
  id: string,
  begun: SubmissionProgress | Promise<SubmissionProgress>,
): SubmissionHandle {
  const soon = Promise.resolve(begun);
  const settled = soon.then((it) => it.settled);
  return {
    id,
    stored: soon.then((it) => it.stored),
    settled,
    // Awaitable on purpose: most callers want to know how it ended.
    // oxlint-disable-next-line unicorn/no-thenable
    then: (onFulfilled, onRejected) => settled.then(onFulfilled, onRejected),
  };
}

/** A submission that is refused before it is queued. */
export function refusedSubmission(refusal: Refusal): SubmissionProgress {
  return { stored: Promise.resolve(), settled: Promise.resolve({ status: "refused", refusal }) };
}
