import {
  seenBy,
  toStorableJson,
  type Command,
  type Json,
  type Refusal,
  type Snapshot,
  type SubmitCommand,
} from "@sessions/core/internal";
import { inputFields, newestSeenStamps, type Fields } from "../record/drafts.ts";
import { enqueue, isUnsettledRefusal, unsettledRefusal } from "../record/queue.ts";
import type { QueuedCommand, StoredShelvedChange } from "../record/record.ts";
import type { Confirmation } from "./confirmation.ts";
import { submittedFields } from "./form.ts";
import { createStepDrafts, type StepDraftsOptions } from "./step-drafts.ts";
import {
  refusedSubmission,
  submissionHandleOf,
  type DraftHandle,
  type SubmissionProgress,
  type SubmissionHandle,
} from "./submission.ts";

/**
 * What a person does in one session. The rules judge each action first, on the session that the person sees. `instead` is
 * the shelved change that an action replaces: it is removed when the action is accepted. An action waits until the session
 * is known.
 */
export interface SessionActions {
  draft(step: string, fields: Fields, instead?: StoredShelvedChange): DraftHandle;
  submit(step: string, input: unknown, instead?: StoredShelvedChange): SubmissionHandle;
  cancel(instead?: StoredShelvedChange): SubmissionHandle;
  /** The start again; `sessions.start` makes the first one. */
  start(instead: StoredShelvedChange): SubmissionHandle;
}

export interface ActionsOptions extends StepDraftsOptions {
  readonly confirmation: Confirmation;
}

export function createActions(options: ActionsOptions): SessionActions {
  const { flow, session, sync, current, confirmation, outcomes, early } = options;
  const { store, environment } = sync;
  const drafts = createStepDrafts(options);
  const { version } = flow;

  /** Why a command is refused at once. Nothing may contradict a `confirm` step whose outcome only the server knows. */
  function refusalNow(view: Snapshot | null, command: Command): Refusal | null {
    const record = current.record();
    if (record.confirmation) return unsettledRefusal(record);
    const verdict = current.judge(view, command);
    return verdict.accepted ? null : verdict.refusal;
  }

  function queue(command: QueuedCommand, base: Json | null, instead?: StoredShelvedChange): SubmissionProgress {
    const stored = store.change(session, enqueue(command, base, instead?.id, store.mayBeSent));
    void stored.then(() => {
      sync.requestPersistence();
      sync.push();
    });
    return { stored, settled: outcomes.submission(command.id) };
  }

  function submit(step: string, input: unknown, instead?: StoredShelvedChange): SubmissionHandle {
    sync.assertOpen();
    const id = environment.id();
    // A copy: the application may change its object later.
    const plain = toStorableJson(input);
    const form = submittedFields(input, plain);
    const begin = (): SubmissionProgress => {
      const view = current.view();
      const seenStamps = newestSeenStamps(current.record(), step);
      const command: SubmitCommand = {
        kind: "submit",
        id,
        session,
        version,
        step,
        // The rules say what is wrong with input that is not JSON.
        input: plain.ok ? plain.value : (input as Json),
        seen: view ? seenBy(flow, view, step) : {},
        ...(seenStamps.length > 0 && { seenDrafts: seenStamps }),
      };

      const refusal = refusalNow(view, command);
      if (refusal) {
        if (instead === undefined) drafts.keepForm(step, form, seenStamps);
        return refusedSubmission(refusal);
      }
      if (!flow.steps[step].queued) return confirmation.send(command);
      const queued = queue(command, (inputFields(view, step) as Json) ?? null, instead);
      if (instead === undefined)
        void queued.settled.then((outcome) => isUnsettledRefusal(outcome) && drafts.keepForm(step, form, seenStamps));
      return queued;
    };
    return submissionHandleOf(id, early.run(begin));
  }

  function cancel(instead?: StoredShelvedChange): SubmissionHandle {
    sync.assertOpen();
    const id = environment.id();
    const begin = (): SubmissionProgress => {
      const command = { kind: "cancel", id, session, version } as const;
      const refusal = refusalNow(current.view(), command);
      return refusal ? refusedSubmission(refusal) : queue(command, null, instead);
    };
    return submissionHandleOf(id, early.run(begin));
  }

  function start(instead: StoredShelvedChange): SubmissionHandle {
    const id = environment.id();
    const command = { kind: "start", id, session, version, flow: flow.name } as const;
    return submissionHandleOf(id, queue(command, null, instead));
  }

  return { draft: drafts.draft, submit, cancel, start };
}
