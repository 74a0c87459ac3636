import { useStep } from "@sessions/react";
import { transfer } from "../flow.ts";
import { Facts, factsOf } from "./facts.tsx";
import { dateAndTime } from "./moment.ts";
import { formatCents } from "./money.ts";
import type { OpenTransfer } from "./open-transfer.ts";
import { Link } from "./route.tsx";
import { refusalText, stepNames, type ActiveTransfer, type TransferState } from "./wording.ts";

/** Everything once more, and the one button that sends the money. */
export function ReviewStep({ open, state }: { readonly open: OpenTransfer; readonly state: ActiveTransfer }) {
  const { refusal, busy } = open;
  const { submit } = useStep(transfer, state.id, "review");
  const { data, outputs } = state;
  const fee = outputs.amount?.feeCents;
  const total = data.amount && fee !== undefined ? formatCents(data.amount.cents + fee) : "…";
  const obstacle = busy ? "Waiting for the bank’s answer…" : obstacleTo(state);
  const refused = refusal?.step === "review" ? refusal.refusal : undefined;

  return (
    <>
      {state.progress.path.map(
        (step) =>
          step !== "review" && (
            <section key={step} className="reviewed" aria-label={stepNames[step]}>
              <Facts facts={factsOf(step, data[step])} />
              <Link to={`/transfers/${state.id}/${step}`}>
                Change<span className="hidden"> {stepNames[step].toLowerCase()}</span>
              </Link>
            </section>
          ),
      )}
      <div className="sum">
        <Facts
          facts={[
            { label: "Fee", text: fee === undefined ? "…" : formatCents(fee) },
            { label: "Total", text: total },
          ]}
        />
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!obstacle) open.submit("review", () => submit({ accepted: true }));
        }}
      >
        <div className="actions">
          <button className="button primary" aria-disabled={obstacle !== null} aria-describedby="obstacle">
            {busy ? "Sending…" : `Send ${data.amount ? formatCents(data.amount.cents) : ""}`}
          </button>
        </div>
        <div className="answer">
          <p className="issue" role="alert">
            {refused && refusalText(refused)}
            {refused?.code === "limit_reached" && ` This transfer stays open until ${dateAndTime(state.expiresAt)}.`}
          </p>
          <p className="hint" id="obstacle">
            {obstacle ?? (refused ? "" : "Once sent, it cannot be taken back.")}
          </p>
        </div>
        {refused?.code === "unconfirmed" && (
          <button type="button" className="button" onClick={() => void open.check()}>
            Ask the bank again
          </button>
        )}
      </form>
    </>
  );
}

/** Why the money cannot be sent right now, whatever the bank would say; null when nothing is in the way. */
function obstacleTo({ sync, outputs }: TransferState): string | null {
  switch (sync.state) {
    case "offline":
      return "You are offline. Money is sent only while the bank can answer.";
    case "signed_out":
      return "You are signed out here. Sign in first.";
    case "saving":
      return "One moment: your changes are being saved.";
    case "conflict":
      return "Decide on the change above first.";
    case "outdated":
      return "Reload this page first.";
    case "saved":
      return outputs.amount ? null : "One moment: the bank works out the fee.";
  }
}
