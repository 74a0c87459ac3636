import { useCallback, useEffect, useId, useRef } from "react";
import { AmountStep } from "../steps/amount-step.tsx";
import { ContinueElsewhere } from "../hand-off/continue-elsewhere.tsx";
import { Guests } from "../hand-off/guests.tsx";
import { FinishedTransfer } from "./finished-transfer.tsx";
import { ago, useNow, useWaitsLong } from "../text/moment.ts";
import { NotFound } from "./not-found.tsx";
import { useNews } from "../changes/news.ts";
import { proveAgain, type User } from "../person/current-user.ts";
import { useOpenTransfer, type OpenTransfer } from "../transfer/open-transfer.ts";
import { Question } from "../elements/question.tsx";
import { RecipientStep } from "../steps/recipient-step.tsx";
import { ReviewStep } from "../steps/review-step.tsx";
import { ShelvedChanges } from "../changes/shelved-changes.tsx";
import { SourceStep } from "../steps/source-step.tsx";
import { StepList } from "../steps/step-list.tsx";
import { SyncStatus } from "../changes/sync-status.tsx";
import { useTitle } from "../elements/title.ts";
import {
  deviceText,
  stepNames,
  titleOf,
  type ActiveTransfer,
  type TransferState,
  type TransferStep,
} from "../transfer/wording.ts";

const forms = {
  recipient: RecipientStep,
  amount: AmountStep,
  source: SourceStep,
  review: ReviewStep,
} as const satisfies Record<TransferStep, unknown>;

/** One transfer: its current step while it is active, its end after that. `user` is null for a guest, and has no id for a visitor. */
export function TransferPage(props: {
  readonly user: User | null;
  readonly id: string;
  readonly wanted: string | undefined;
}) {
  const { user, id, wanted } = props;
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
        {status === "active" && <SyncStatus state={state} outcomeUnknown={open.outcomeUnknown} />}
        <p className="news" role="status">
          {news}
        </p>
      </div>
      {user?.id && status === "active" && <Guests id={id} />}
      {status === "loading" && <Loading blocked={state.sync.state === "blocked"} />}
      {status === "missing" && <NotOpened state={state} />}
      {state.status === "active" && <Wizard user={user} open={open} state={state} />}
      {(state.status === "completed" || state.status === "cancelled" || state.status === "expired") && (
        <FinishedTransfer state={state} />
      )}
    </main>
  );
}

function Wizard(props: { readonly user: User | null; readonly open: OpenTransfer; readonly state: ActiveTransfer }) {
  const { user, open, state } = props;
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
      <Form key={shown} open={open} state={state} signer={user && { id: user.id, prove: proveAgain }} />
      <footer>
        <span className="hint">
          {state.device.id !== device && `Last change on ${deviceText(state.device)}, ${ago(state.updatedAt, nowMs)}`}
        </span>
        {user && (
          <Question
            button="Cancel this transfer"
            title="Cancel this transfer?"
            yes="Cancel it"
            no="Keep it"
            obstacle={
              open.confirming
                ? "The bank has not answered your confirmation yet. It cannot be cancelled meanwhile."
                : null
            }
            onYes={() => open.cancel()}
          >
            It ends on all your devices, and what was entered cannot be used again.
          </Question>
        )}
      </footer>
      {user?.id && <ContinueElsewhere id={state.id} />}
    </article>
  );
}

/** The device does not know this transfer yet. `blocked`: something refuses the requests to the bank. */
function Loading({ blocked }: { readonly blocked: boolean }) {
  const late = useWaitsLong(!blocked);
  if (!blocked) {
    return (
      <p className="hint" role="status">
        Looking for this transfer…{late && " The bank has not answered yet. This page goes on asking."}
      </p>
    );
  }
  return (
    <article className="card missing">
      <h1>This transfer cannot be shown just now</h1>
      <p role="status">Something between this device and the bank refuses to look it up. This page goes on asking.</p>
    </article>
  );
}

/** A transfer that the bank refused to open. Its data is on this device alone. */
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
 * Focuses the first field of a newly shown step, or the heading of a step without fields. A change that waits for a
 * decision comes first. Nothing moves while the person is on another page or device.
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
    // The decided change is gone, and the focus with it.
    if (document.activeElement === document.body) focusFirst();
  }, [focusFirst, shelved]);
  return wizard;
}
