import { stepOf, type AnyFlow, type Refusal, type Stamp } from "@sessions/core/internal";
import { changedFields, inputFields, keepDraft, stampFields, type Fields } from "../record/drafts.ts";
import { shelveOverwritten } from "../record/overwritten.ts";
import { unshelve } from "../record/queue.ts";
import { compose, unchanged, type SessionRecord, type StoredShelvedChange } from "../record/record.ts";
import type { Sync } from "../sync/sync.ts";
import type { ActionsBeforeLoad } from "./actions-before-load.ts";
import type { ShownSession } from "./shown-session.ts";
import { formAsDraft, storableFields } from "./form.ts";
import type { OutcomeWaiters } from "./outcome-waiters.ts";
import { draftHandleOf, type DraftHandle, type DraftProgress } from "./submission.ts";

export interface StepDraftsOptions {
  readonly flow: AnyFlow;
  readonly session: string;
  readonly sync: Sync;
  readonly current: ShownSession;
  readonly outcomes: OutcomeWaiters;
  readonly early: ActionsBeforeLoad;
}

/** The drafts that a person types in the steps of one session. */
export interface StepDrafts {
  draft(step: string, fields: Fields, instead?: StoredShelvedChange): DraftHandle;
  /** Keeps a form that could not be submitted as the step's draft. `seenUntil` are the newest stamps that it had seen. */
  keepForm(step: string, form: Fields | null, seenUntil: readonly Stamp[]): void;
}

export function createStepDrafts(options: StepDraftsOptions): StepDrafts {
  const { flow, session, sync, current, outcomes, early } = options;
  const { store, connection, environment } = sync;
  const { version } = flow;

  function draft(step: string, fields: Fields, instead?: StoredShelvedChange): DraftHandle {
    sync.assertOpen();
    // A copy: the application may change its object later.
    const { stored: plain, refusal } = storableFields(step, fields);
    const begin = (isKnown: boolean): DraftProgress => {
      const record = current.record();
      const view = current.view();
      const shown = view?.drafts[step];
      const changed = changedFields(plain, shown, inputFields(view, step));
      const draftFields = stampFields(record, changed, store.device, connection.now(), isKnown ? shown : undefined);
      const verdict = current.judge(view, {
        kind: "draft",
        id: environment.id(),
        session,
        version,
        step,
        fields: draftFields,
      });
      const settled = () => outcomes.draft(step, plain);
      if (!verdict.accepted && !isKept(verdict.refusal, step, record)) {
        return { stored: Promise.resolve(), refused: verdict.refusal, settled };
      }
      // Another tab may know a newer value.
      const keep =
        Object.keys(draftFields).length > 0
          ? compose(keepDraft(step, draftFields, version), shelveOverwritten())
          : unchanged;
      const stored = store.change(session, compose(instead ? unshelve(instead.id) : unchanged, keep));
      void stored.then(() => {
        sync.requestPersistence();
        sync.pushDrafts();
      });
      return { stored, refused: refusal, settled };
    };
    return draftHandleOf(early.run(begin, { step, fields: hasDraft(step) ? plain : {} }));
  }

  /** Whether a refused draft is kept: for a page of another version, or for a start that may be made again. */
  function isKept({ code }: Refusal, step: string, { shelved }: SessionRecord): boolean {
    if (!hasDraft(step)) return false;
    return code === "outdated" || (code === "not_found" && shelved.some(({ kind }) => kind === "start"));
  }

  function hasDraft(step: string): boolean {
    return stepOf(flow, step)?.sensitive === false;
  }

  return {
    draft,
    keepForm(step, form, seenUntil) {
      if (form === null || !stepOf(flow, step)?.queued) return;
      draft(step, formAsDraft(flow, current.view(), step, form, seenUntil));
    },
  };
}
