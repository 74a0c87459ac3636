import { parse, type DraftOf, type InputOf, type Refusal } from "@sessions/core";
import { useSession, useSessionsClient } from "@sessions/react";
import { useRef, useState } from "react";
import { transfer, type Transfer } from "../flow.ts";
import { navigate } from "./route.tsx";
import type { TransferState, TransferStep } from "./wording.ts";

/** One transfer on one screen: its state, the step that is shown, and what the person can do. */
export interface OpenTransfer {
  readonly state: TransferState;
  /** The id of the device that this screen is on. */
  readonly device: string;
  readonly shown: TransferStep;
  /** Whether the bank is looking at what was just submitted. */
  readonly busy: boolean;
  /** The last "no" from the bank on this screen. */
  readonly refusal: { readonly step: TransferStep; readonly refusal: Refusal; readonly command: string } | null;
  type<K extends TransferStep>(step: K, fields: DraftOf<Transfer, K>): void;
  /** The person's hands are off the keyboard: the screen may follow the other devices again. */
  rest(): void;
  /** Resolves with what the step's schema says against the input; with null once the bank has decided. */
  submit<K extends TransferStep>(step: K, input: InputOf<Transfer, K>): Promise<Refusal | null>;
  /** Asks whether an unanswered command took effect after all. */
  check(): Promise<void>;
  cancel(): void;
}

/**
 * Follows the transfer to its current step, on whichever device it moves on, unless the address names an earlier
 * one (`wanted`), a field is being typed in, or the bank still looks at the step that was submitted here.
 */
export function useOpenTransfer(id: string, wanted: string | undefined): OpenTransfer {
  const sessions = useSessionsClient();
  const session = useSession(transfer, id);
  // Where the typing began: who goes to another address is done with it.
  const [typing, setTyping] = useState<{ readonly step: TransferStep; readonly at: string | undefined } | null>(null);
  const sending = useRef(false);
  const [submitting, setSubmitting] = useState<TransferStep | null>(null);
  const [refusal, setRefusal] = useState<OpenTransfer["refusal"]>(null);

  const { progress, sync } = session;
  // What is irreversible is waited for; the rest goes on offline.
  const busy =
    submitting === "review" || session.confirming !== null || (submitting !== null && sync.state !== "offline");
  const held = typing?.at === wanted ? typing?.step : undefined;
  // What was typed and is kept aside is decided on where it was typed.
  const aside = session.shelved.find(({ conflict, kind }) => conflict && kind === "draft")?.step;
  const asked = [busy ? submitting : null, held, wanted, aside].find((step) =>
    progress.open.some((open) => open === step),
  );
  const shown = (asked ?? progress.current ?? progress.path.at(-1)!) as TransferStep;

  /** What was refused is in its fields again: there it is mended, not among the shelved changes. */
  async function mend(command: string, step: TransferStep) {
    const { state } = sessions.open(transfer, id);
    const refused = state.shelved.find((change) => change.id === command);
    if (refused?.conflict === false) await refused.discard();
    if (step !== state.progress.current) navigate(`/transfers/${id}/${step}`, { replace: true });
  }

  return {
    state: session,
    device: sessions.device.id,
    shown,
    busy,
    refusal,
    type(step, fields) {
      setTyping({ step, at: wanted });
      setRefusal(null);
      session.draft(step, fields);
    },
    rest: () => setTyping(null),
    async submit(step, input) {
      const parsed = parse(transfer.steps[step], step, input);
      if (!parsed.ok) return parsed.refusal;

      // Two presses within one turn of the page: the screen has not yet said that it is busy.
      if (sending.current) return null;
      setTyping(null);
      setRefusal(null);
      setSubmitting(step);
      // Back in the browser's history leads to the step that was just left.
      navigate(`/transfers/${id}/${step}`, { replace: true });
      navigate(`/transfers/${id}`);

      const submission = session.submit(step, input);
      if (step === "review") sending.current = true;
      const settlement = await submission.settled;
      if (step === "review") sending.current = false;
      setSubmitting(null);
      if (settlement.outcome !== "refused") return null;
      setRefusal({ step, refusal: settlement.refusal, command: submission.id });
      if (settlement.refusal.code !== "conflict") await mend(submission.id, step);
      return null;
    },
    async check() {
      if (!refusal) return;
      try {
        const outcome = await sessions.receipt({ session: id, command: refusal.command });
        // Accepted: the finished transfer arrives by itself. Unknown to the bank: it did not happen.
        if (outcome?.outcome !== "accepted") setRefusal(null);
      } catch {
        // Still no answer: what is shown stays true.
      }
    },
    cancel: () => void session.cancel(),
  };
}
