import type { SubmissionHandle } from "@sessions/client";
import { sameJson, type Json, type Refusal } from "@sessions/core";
import { useSession, useSessionsClient } from "@sessions/react";
import { useRef, useState } from "react";
import { transfer } from "../../flow.ts";
import { navigate } from "../elements/navigation.tsx";
import type { TransferState, TransferStep } from "./wording.ts";

/** One transfer on one screen: its state, the shown step, and the person's actions. */
export interface OpenTransfer {
  readonly state: TransferState;
  /** The id of this device. */
  readonly device: string;
  readonly shown: TransferStep;
  /** Whether the bank is judging the last submission. */
  readonly busy: boolean;
  /** Whether a confirmation is under way: the bank may be sending the money. */
  readonly confirming: boolean;
  /** Whether the bank did not answer a confirmation, so that its outcome is unknown. */
  readonly outcomeUnknown: boolean;
  /** Whether the outcome was unknown here, and the bank has said since that it did not send the money. */
  readonly unsent: boolean;
  /** The bank's last refusal on this screen. */
  readonly refusal: { readonly step: TransferStep; readonly refusal: Refusal; readonly command: string } | null;
  /** The person types in this step. The screen stays at it. */
  startTyping(step: TransferStep): void;
  /** The person has read the refusal. */
  clearRefusal(): void;
  /** The person has stopped typing. The screen follows the other devices again. */
  stopTyping(): void;
  /** Submits a step with valid input and shows the next one. If the bank refuses it, the screen comes back. */
  submit(step: TransferStep, send: () => SubmissionHandle): void;
  cancel(): void;
}

/**
 * Shows the transfer's current step, also when another device moves it on. The screen stays at another step in four
 * cases: the bank is judging a submission of it, the person types in it, the address names it (`wanted`), or a draft
 * of it has a conflict.
 */
export function useOpenTransfer(id: string, wanted: string | undefined): OpenTransfer {
  const sessions = useSessionsClient();
  const session = useSession(transfer, id);
  // `at` is the step in the address. At another address, the typing has ended.
  const [typing, setTyping] = useState<{ readonly step: TransferStep; readonly at: string | undefined } | null>(null);
  const sending = useRef(false);
  const [submitting, setSubmitting] = useState<TransferStep | null>(null);
  const [refusal, setRefusal] = useState<OpenTransfer["refusal"]>(null);

  const { progress, sync } = session;
  // The page waits for the answer to the `confirm` step. Other steps go on offline.
  const outcomeUnknown = submitting !== "review" && session.confirming !== null;
  const confirming = submitting === "review" || outcomeUnknown;
  const [wasUnknown, setWasUnknown] = useState(false);
  if (outcomeUnknown && !wasUnknown) setWasUnknown(true);
  const busy = submitting === "review" || (submitting !== null && sync.state !== "offline");
  const typedIn = typing?.at === wanted ? typing?.step : undefined;
  // The person decides on a conflict of a draft at the step of the draft.
  const inConflict = session.shelved.find(({ type, kind }) => type === "conflict" && kind === "draft")?.step;
  const preferred = [busy ? submitting : null, typedIn, wanted, inConflict].find((step) =>
    progress.open.some((open) => open === step),
  );
  const shown = (preferred ?? progress.current ?? progress.path.at(-1)!) as TransferStep;

  /** Shows the step of a refused submission. If its fields hold the input again, they replace the shelved change. */
  async function returnTo(command: string, step: TransferStep) {
    const { state } = sessions.open(transfer, id);
    const refused = state.shelved.find((change) => change.id === command);
    if (refused?.type === "refused") {
      if (!isInFields(refused.mine, step, state)) return;
      await refused.discard();
    }
    if (step !== state.progress.current) navigate(`/transfers/${id}/${step}`, { replace: true });
  }

  async function submit(step: TransferStep, send: () => SubmissionHandle) {
    // A second press, before the screen shows that it is busy.
    if (sending.current) return;
    setTyping(null);
    setRefusal(null);
    if (step === "review") setWasUnknown(false);
    setSubmitting(step);
    // The browser's back button leads to the submitted step.
    navigate(`/transfers/${id}/${step}`, { replace: true });
    navigate(`/transfers/${id}`);

    const submission = send();
    sending.current = step === "review";
    const outcome = await submission.settled;
    sending.current = false;
    setSubmitting(null);
    // The session itself tells when the outcome is unknown, also after a reload.
    if (outcome.status !== "refused") return;
    setRefusal({ step, refusal: outcome.refusal, command: submission.id });
    if (outcome.refusal.code !== "conflict") await returnTo(submission.id, step);
  }

  return {
    state: session,
    device: sessions.device.id,
    shown,
    busy,
    confirming,
    outcomeUnknown,
    unsent: wasUnknown && !confirming,
    refusal,
    startTyping(step) {
      setTyping({ step, at: wanted });
      setRefusal(null);
    },
    clearRefusal: () => setRefusal(null),
    stopTyping: () => setTyping(null),
    submit: (step, send) => void submit(step, send),
    cancel: () => void session.cancel(),
  };
}

/** Whether the form of a step holds the refused input. */
function isInFields(input: Json, step: TransferStep, { status, drafts }: TransferState): boolean {
  const typed: Readonly<Record<string, Json | undefined>> = drafts[step] ?? {};
  const fields = Object.entries(input as Readonly<Record<string, Json>>);
  return status === "active" && fields.every(([field, value]) => sameJson(value, typed[field]));
}
