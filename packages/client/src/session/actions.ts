import {
  advance,
  seenBy,
  SessionsError,
  stepOf,
  toStorableJson,
  type AnyFlow,
  type Command,
  type Json,
  type Refusal,
  type Snapshot,
  type Stamp,
  type SubmitCommand,
} from "@sessions/core/internal";
import { changedFields, inputFields, keepDraft, newestTyped, stampFields, type Fields } from "../record/drafts.ts";
import { shelveOverwritten } from "../record/overwritten.ts";
import { enqueue, unsettledRefusal, unshelve, isUnsettledRefusal } from "../record/queue.ts";
import {
  compose,
  unchanged,
  type QueuedCommand,
  type SessionRecord,
  type SubmissionOutcome,
  type ShelvedEntry,
} from "../record/record.ts";
import { judgedAtMs, viewOf } from "../record/view.ts";
import type { Sync } from "../sync/sync.ts";
import type { Confirmation } from "./confirmation.ts";
import type { EarlyAction, EarlyActions } from "./early-actions.ts";
import { formAsDraft, storableFields, submittedFields } from "./form.ts";
import type { Outcomes } from "./outcomes.ts";
import {
  draftOf,
  settledSubmission,
  submissionOf,
  type DraftHandle,
  type PendingDraft,
  type PendingSubmission,
  type SubmissionHandle,
} from "./submission.ts";

/**
 * What a person does in one session. The rules judge each action first, on the session that the person sees. `instead` is
 * the shelved change that an action replaces: it is removed when the action is accepted. An action waits until the session
 * is known.
 */
export interface SessionActions {
  draft(step: string, fields: Fields, instead?: ShelvedEntry): DraftHandle;
  submit(step: string, input: unknown, instead?: ShelvedEntry): SubmissionHandle;
  cancel(instead?: ShelvedEntry): SubmissionHandle;
  /** The start again; `sessions.start` makes the first one. */
  start(instead: ShelvedEntry): SubmissionHandle;
  /** @throws {SessionsError} `closed` */
  assertOpen(): void;
}

export interface ActionsOptions {
  readonly flow: AnyFlow;
  readonly session: string;
  readonly sync: Sync;
  readonly recordNow: () => SessionRecord;
  readonly confirmation: Confirmation;
  readonly outcomes: Outcomes;
  readonly early: EarlyActions;
}

export function createActions(options: ActionsOptions): SessionActions {
  const { flow, session, sync, recordNow, confirmation, outcomes, early } = options;
  const { store, connection, environment } = sync;
  const { version } = flow;

  function whenKnown<T>(action: (isKnown: boolean) => T, entry?: EarlyAction): T | Promise<T> {
    assertOpen();
    return early.run(action, entry);
  }

  function assertOpen(): void {
    if (!sync.isOpen()) throw new SessionsError("closed", `Session ${session}.`);
  }

  const viewNow = () => viewOf(flow, recordNow(), sync.device());

  function judge(view: Snapshot | null, command: Command) {
    return advance(flow, view, command, { device: sync.device(), nowMs: judgedAtMs(view, connection.now()) });
  }

  /** Why a command is refused at once. Nothing may contradict an irreversible step whose outcome only the server knows. */
  function refusalNow(view: Snapshot | null, command: Command): Refusal | null {
    const record = recordNow();
    if (record.confirmation) return unsettledRefusal(record);
    const verdict = judge(view, command);
    return verdict.accepted ? null : verdict.refusal;
  }

  function queue(
    command: QueuedCommand,
    base: Json | null,
    instead?: ShelvedEntry,
  ): PendingSubmission<SubmissionOutcome> {
    const stored = store.change(session, enqueue(command, base, instead?.id, store.mayBeSent));
    void stored.then(() => {
      sync.requestPersistence();
      sync.queued();
    });
    return { stored, settled: outcomes.submission(command.id) };
  }

  function submit(step: string, input: unknown, instead?: ShelvedEntry): SubmissionHandle {
    const id = environment.id();
    // A copy: the application may change its object later.
    const plain = toStorableJson(input);
    const form = submittedFields(input, plain);
    const begin = (): PendingSubmission<SubmissionOutcome> => {
      const view = viewNow();
      const typed = newestTyped(recordNow(), step);
      const command: SubmitCommand = {
        kind: "submit",
        id,
        session,
        version,
        step,
        // The rules say what is wrong with input that is not JSON.
        input: plain.ok ? plain.value : (input as Json),
        seen: view ? seenBy(flow, view, step) : {},
        ...(typed.length > 0 && { typed }),
      };

      const refusal = refusalNow(view, command);
      if (refusal) {
        if (instead === undefined) keepForm(step, form, typed);
        return refusedAtOnce(refusal);
      }
      if (!flow.steps[step].kept) return confirmation.send(command);
      const queued = queue(command, (inputFields(view, step) as Json) ?? null, instead);
      if (instead === undefined)
        void queued.settled.then((outcome) => isUnsettledRefusal(outcome) && keepForm(step, form, typed));
      return queued;
    };
    return submissionOf(id, whenKnown(begin));
  }

  /** Keeps a form that could not be submitted as the step's draft. */
  function keepForm(step: string, form: Fields | null, seenUntil: readonly Stamp[]): void {
    if (form === null || !stepOf(flow, step)?.kept) return;
    draft(step, formAsDraft(flow, viewNow(), step, form, seenUntil));
  }

  function draft(step: string, fields: Fields, instead?: ShelvedEntry): DraftHandle {
    // A copy: the application may change its object later.
    const { stored: plain, refusal } = storableFields(step, fields);
    const begin = (isKnown: boolean): PendingDraft => {
      const record = recordNow();
      const view = viewNow();
      const shown = view?.drafts[step];
      const changed = changedFields(plain, shown, inputFields(view, step));
      const slots = stampFields(record, changed, sync.device().id, connection.now(), isKnown ? shown : undefined);
      const verdict = judge(view, { kind: "draft", id: environment.id(), session, version, step, fields: slots });
      const settled = () => outcomes.draft(step, plain);
      if (!verdict.accepted && !isKept(verdict.refusal, step, record)) {
        return { stored: Promise.resolve(), refused: verdict.refusal, settled };
      }
      // Another tab may know a newer value.
      const keep =
        Object.keys(slots).length > 0 ? compose(keepDraft(step, slots, version), shelveOverwritten()) : unchanged;
      const stored = store.change(session, compose(instead ? unshelve(instead.id) : unchanged, keep));
      void stored.then(() => {
        sync.requestPersistence();
        sync.typed();
      });
      return { stored, refused: refusal, settled };
    };
    return draftOf(whenKnown(begin, { step, fields: hasDraft(step) ? plain : {} }));
  }

  /** Whether a refused draft is kept: for a page of another version, or for a start that may be made again. */
  function isKept({ code }: Refusal, step: string, { shelved }: SessionRecord): boolean {
    if (!hasDraft(step)) return false;
    return code === "outdated" || (code === "not_found" && shelved.some(({ kind }) => kind === "start"));
  }

  function hasDraft(step: string): boolean {
    return stepOf(flow, step)?.sensitive === false;
  }

  function cancel(instead?: ShelvedEntry): SubmissionHandle {
    const id = environment.id();
    const begin = (): PendingSubmission<SubmissionOutcome> => {
      const command = { kind: "cancel", id, session, version } as const;
      const refusal = refusalNow(viewNow(), command);
      return refusal ? refusedAtOnce(refusal) : queue(command, null, instead);
    };
    return submissionOf(id, whenKnown(begin));
  }

  function start(instead: ShelvedEntry): SubmissionHandle {
    const id = environment.id();
    const command = { kind: "start", id, session, version, flow: flow.name } as const;
    return submissionOf(id, queue(command, null, instead));
  }

  return { draft, submit, cancel, start, assertOpen };
}

function refusedAtOnce(refusal: Refusal): PendingSubmission<SubmissionOutcome> {
  return settledSubmission<SubmissionOutcome>({ status: "refused", refusal });
}
