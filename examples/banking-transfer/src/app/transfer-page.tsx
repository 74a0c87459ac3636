import { useEffect, useRef } from "react";
import { AmountStep } from "./amount-step.tsx";
import { FinishedTransfer } from "./finished-transfer.tsx";
import { ago, useNow } from "./moment.ts";
import { useNews } from "./news.ts";
import { useOpenTransfer, type OpenTransfer } from "./open-transfer.ts";
import { Question } from "./question.tsx";
import { RecipientStep } from "./recipient-step.tsx";
import { ReviewStep } from "./review-step.tsx";
import { Link } from "./route.tsx";
import { ShelvedChanges } from "./shelved-changes.tsx";
import { SourceStep } from "./source-step.tsx";
import { StepList } from "./step-list.tsx";
import { SyncStatus } from "./sync-status.tsx";
import { stepNames, titleOf, type ActiveTransfer, type TransferState, type TransferStep } from "./wording.ts";

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
  const { status, shelved } = open.state;

  return (
    <main className="page transfer">
      <div className="status">
        {status === "active" && <SyncStatus sync={open.state.sync} />}
        <p className="news" role="status">
          {news}
        </p>
      </div>
      {status === "loading" && <p className="hint">Looking for this transfer…</p>}
      {status === "missing" && (shelved.length > 0 ? <NotOpened state={open.state} /> : <Missing />)}
      {open.state.status === "active" && <Wizard open={open} state={open.state} />}
      {(status === "completed" || status === "cancelled" || status === "expired") && (
        <FinishedTransfer state={open.state} />
      )}
    </main>
  );
}

function Wizard({ open, state }: { readonly open: OpenTransfer; readonly state: ActiveTransfer }) {
  const { shown, device } = open;
  const { progress } = state;
  const heading = useFocusOnChange(shown);
  const nowMs = useNow();
  const Form = forms[shown];

  return (
    <article className="card wizard">
      <StepList state={state} shown={shown} />
      <h1 ref={heading} tabIndex={-1}>
        {stepNames[shown]}
        <small>
          Step {progress.path.indexOf(shown) + 1} of {progress.total}
        </small>
      </h1>
      <ShelvedChanges {...state} />
      <Form key={shown} open={open} state={state} />
      <footer>
        <span className="hint">
          {state.device.id !== device && `Last change on ${state.device.name}, ${ago(state.updatedAt, nowMs)}`}
        </span>
        <Question
          button="Cancel this transfer"
          title="Cancel this transfer?"
          yes="Cancel it"
          no="Keep it"
          onYes={() => open.cancel()}
        >
          It ends on all your devices, and what was entered cannot be used again.
        </Question>
      </footer>
    </article>
  );
}

/** The bank refused to open it: what was entered is on this device alone. */
function NotOpened({ state }: { readonly state: TransferState }) {
  return (
    <article className="card missing">
      <h1>{titleOf(state)}</h1>
      <ShelvedChanges {...state} />
    </article>
  );
}

function Missing() {
  return (
    <article className="card missing">
      <h1>There is no such transfer</h1>
      <p>It may belong to somebody else, or this device has not heard of it yet.</p>
      <div className="actions">
        <Link to="/" className="button">
          To your account
        </Link>
      </div>
    </article>
  );
}

/** Moves the focus to the heading when another step is shown, unless the person is on another page or device. */
function useFocusOnChange(shown: TransferStep) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (document.hasFocus()) heading.current?.focus();
  }, [shown]);
  return heading;
}
