import { useCallback, useEffect, useId, useRef } from "react";
import { AmountStep } from "./amount-step.tsx";
import { FinishedTransfer } from "./finished-transfer.tsx";
import { ago, useNow } from "./moment.ts";
import { NotFound } from "./not-found.tsx";
import { useNews } from "./news.ts";
import { useOpenTransfer, type OpenTransfer } from "./open-transfer.ts";
import { Question } from "./question.tsx";
import { RecipientStep } from "./recipient-step.tsx";
import { ReviewStep } from "./review-step.tsx";
import { ShelvedChanges } from "./shelved-changes.tsx";
import { SourceStep } from "./source-step.tsx";
import { StepList } from "./step-list.tsx";
import { SyncStatus } from "./sync-status.tsx";
import { useTitle } from "./title.ts";
import {
  deviceText,
  stepNames,
  titleOf,
  type ActiveTransfer,
  type TransferState,
  type TransferStep,
} from "./wording.ts";

const forms = {
  recipient: RecipientStep,
  amount: AmountStep,
  source: SourceStep,
  review: ReviewStep,
} as const satisfies Record<TransferStep, unknown>;

/** One transfer: the step to fill in while it is open, its end afterwards. */
export function TransferPage({ id, wanted }: { readonly id: string; readonly wanted: string | undefined }) {
  const open = useOpenTransfer(id, wanted);
  const news = useNews(open.state, open.device);
  const { state } = open;
  const { status, shelved } = state;
  useTitle(status === "loading" ? "Transfer" : null);

  if (status === "missing" && shelved.length === 0) {
    return (
      <NotFound title="There is no such transfer">
        It may belong to somebody else, or this device has not heard of it yet.
      </NotFound>
    );
  }
  return (
    <main className="page transfer">
      <div className="status">
        {status === "active" && <SyncStatus state={state} unconfirmed={open.unconfirmed} />}
        <p className="news" role="status">
          {news}
        </p>
      </div>
      {status === "loading" && <Looking blocked={state.sync.state === "blocked"} />}
      {status === "missing" && <NotOpened state={state} />}
      {state.status === "active" && <Wizard open={open} state={state} />}
      {(state.status === "completed" || state.status === "cancelled" || state.status === "expired") && (
        <FinishedTransfer state={state} />
      )}
    </main>
  );
}

function Wizard({ open, state }: { readonly open: OpenTransfer; readonly state: ActiveTransfer }) {
  const { shown, device } = open;
  const { progress } = state;
  useTitle(`Transfer: ${stepNames[shown]}`);
  const wizard = useFocusOnChange(shown, state.shelved.length);
  const heading = useId();
  const nowMs = useNow();
  const Form = forms[shown];

  return (
    <article ref={wizard} className="card wizard" aria-labelledby={heading}>
      <StepList state={state} shown={shown} />
      <h1 id={heading} tabIndex={-1}>
        {stepNames[shown]}
        <small>
          Step {progress.path.indexOf(shown) + 1} of {progress.total}
        </small>
      </h1>
      <ShelvedChanges {...state} />
      <Form key={shown} open={open} state={state} />
      <footer>
        <span className="hint">
          {state.device.id !== device && `Last change on ${deviceText(state.device)}, ${ago(state.updatedAt, nowMs)}`}
        </span>
        <Question
          button="Cancel this transfer"
          title="Cancel this transfer?"
          yes="Cancel it"
          no="Keep it"
          obstacle={
            open.confirming ? "The bank is looking at your confirmation. It cannot be cancelled meanwhile." : null
          }
          onYes={() => open.cancel()}
        >
          It ends on all your devices, and what was entered cannot be used again.
        </Question>
      </footer>
    </article>
  );
}

/** Nothing is known of it yet. Where what is asked is refused, only somebody else can mend that. */
function Looking({ blocked }: { readonly blocked: boolean }) {
  if (!blocked) return <p className="hint">Looking for this transfer…</p>;
  return (
    <article className="card missing">
      <h1>This transfer cannot be shown just now</h1>
      <p role="status">Something between this device and the bank refuses to look it up. This page goes on asking.</p>
    </article>
  );
}

/** The bank refused to open it: what was entered is on this device alone. */
function NotOpened({ state }: { readonly state: TransferState }) {
  useTitle("Transfer");
  return (
    <article className="card missing">
      <h1>{titleOf(state)}</h1>
      <ShelvedChanges {...state} />
    </article>
  );
}

/**
 * Moves the focus to the first field when another step is shown, or to the heading of one without; unless the person
 * is on another page or device. Where a change waits for a decision, that comes first.
 */
function useFocusOnChange(shown: TransferStep, shelved: number) {
  const wizard = useRef<HTMLElement>(null);
  const focusFirst = useCallback(() => {
    if (!document.hasFocus()) return;
    const first = wizard.current?.querySelector<HTMLElement>("form input") ?? wizard.current?.querySelector("h1");
    first?.focus();
  }, []);
  useEffect(focusFirst, [focusFirst, shown]);
  useEffect(() => {
    // The change that was decided on took the focus with it.
    if (document.activeElement === document.body) focusFirst();
  }, [focusFirst, shelved]);
  return wizard;
}
