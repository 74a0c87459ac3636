import { useStep } from "@sessions/react";
import { useEffect, useState } from "react";
import { transfer } from "../../flow.ts";
import { Facts, factsOf } from "../transfer/facts.tsx";
import { dateAndTime } from "../text/moment.ts";
import { formatCents } from "../text/money.ts";
import type { OpenTransfer } from "../transfer/open-transfer.ts";
import { ReviewedSteps } from "./reviewed-steps.tsx";
import { PasswordProof, type Signer } from "./password-proof.tsx";
import {
  outcomeUnknownText,
  refusalText,
  stepNames,
  type ActiveTransfer,
  type TransferState,
} from "../transfer/wording.ts";

interface ReviewStepProps {
  readonly open: OpenTransfer;
  readonly state: ActiveTransfer;
  /** Null for a guest, who cannot send the money. */
  readonly signer: Signer | null;
}

/** Shows all steps again, with the button that sends the money. */
export function ReviewStep({ open, state, signer }: ReviewStepProps) {
  const { refusal, busy } = open;
  const { submit } = useStep(transfer, state.id, "review");
  const { data, outputs } = state;
  const fee = outputs.amount?.feeCents;
  const total = data.amount && fee !== undefined ? formatCents(data.amount.cents + fee) : "…";
  const changed = useJustChanged(shownOf(state));
  const obstacle = busy ? "Waiting for the bank’s answer…" : (obstacleTo(state) ?? pauseFor(changed.now));
  const refused = refusal?.step === "review" ? refusal.refusal : undefined;
  const sums = [
    { label: "Fee", text: fee === undefined ? "…" : formatCents(fee) },
    { label: "Total", text: total },
  ];

  const sendText = `Send ${data.amount ? formatCents(data.amount.cents) : ""}`;

  function send(): boolean {
    if (obstacle !== null || signer === null) return false;
    open.submit("review", () => submit({ accepted: true }));
    return true;
  }

  return (
    <>
      <ReviewedSteps state={state} changed={changed.last} />
      <div className="sum">
        <Facts facts={sums} />
      </div>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        {signer === null && (
          <p className="elsewhere-first" role="status">
            <strong>Confirm on your phone.</strong> It shows this transfer, ready to be sent.
          </p>
        )}
        {signer !== null && (
          <div className="actions">
            <button className="button primary" aria-disabled={obstacle !== null} aria-describedby="obstacle">
              {busy ? "Sending…" : sendText}
            </button>
          </div>
        )}
        <div className="answer">
          <p className="issue" role="alert">
            {open.outcomeUnknown && outcomeUnknownText}
            {refused && refusalText(refused)}
            {refused?.code === "limit_reached" && ` This transfer stays open until ${dateAndTime(state.expiresAt)}.`}
          </p>
          <p className="hint" id="obstacle" role="status">
            {open.unsent && "So far the bank has not sent the money. "}
            {obstacle ?? (refused || signer === null ? null : "Once sent, it cannot be taken back.")}
          </p>
        </div>
      </form>
      {signer !== null && refused?.code === "sign_in_again" && (
        <PasswordProof
          key={refusal?.command}
          signer={signer}
          refusal={refused}
          facts={[...factsOf("recipient", data.recipient), ...factsOf("amount", data.amount), ...sums]}
          yes={sendText}
          obstacle={obstacle}
          changed={changed.now.length > 0}
          send={send}
          onUnsent={() => open.clearRefusal()}
        />
      )}
    </>
  );
}

/** How long the button is off after a change from another device, in milliseconds. The person sees the change in this time. */
const PAUSE_MS = 2_000;

/** The texts that the person agrees to, by the name of their step. */
function shownOf({ data, outputs, progress }: ActiveTransfer): Readonly<Record<string, string>> {
  const steps = progress.path.map((step) => [stepNames[step], JSON.stringify(factsOf(step, data[step]))]);
  const fee = outputs.amount?.feeCents;
  return Object.fromEntries([...steps, ...(fee === undefined ? [] : [["Fee", formatCents(fee)]])]) as Record<
    string,
    string
  >;
}

/**
 * The names of the texts that changed on another device while they were shown. `now` holds them for `PAUSE_MS`, `last`
 * until the next change. The render that first shows a change knows of it, so no press can come before.
 */
function useJustChanged(shown: Readonly<Record<string, string>>) {
  const [known, setKnown] = useState({ shown, last: [] as readonly string[], now: false });
  const differing = Object.keys(shown).filter(
    (name) => known.shown[name] !== undefined && known.shown[name] !== shown[name],
  );
  const added = Object.keys(shown).some((name) => known.shown[name] === undefined);
  if (differing.length > 0) setKnown({ shown, last: differing, now: true });
  else if (added) setKnown({ ...known, shown });

  useEffect(() => {
    if (!known.now) return;
    const timer = setTimeout(() => setKnown((one) => ({ ...one, now: false })), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [known.now, known.shown]);
  return { last: known.last, now: known.now ? known.last : [] };
}

function pauseFor(changed: readonly string[]): string | null {
  if (changed.length === 0) return null;
  const names = new Intl.ListFormat("en").format(changed);
  return `${names} changed on another device just now: look at it before you send.`;
}

/** Why this page cannot confirm now. Null if nothing prevents it. */
function obstacleTo({ sync, outputs, confirming }: TransferState): string | null {
  if (confirming) return "This page goes on asking. Until the bank answers, the transfer stays as it is.";
  switch (sync.state) {
    case "offline":
      return "You are offline. Money is sent only while the bank can answer.";
    case "blocked":
      return "One moment: the bank does not answer.";
    case "signed_out":
      return "You are signed out here. Sign in first.";
    case "saving":
      return "One moment: your changes are being saved.";
    case "attention":
      return "Decide on the change above first.";
    case "outdated":
      return "Reload this page first.";
    case "saved":
      return outputs.amount ? null : "One moment: the bank works out the fee.";
  }
}
