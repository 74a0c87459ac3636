import type { Submission } from "@sessions/client";
import { sameJson, type Json, type Refusal } from "@sessions/core";
import { useSession, useSessionsClient } from "@sessions/react";
import { useRef, useState } from "react";
import { transfer } from "../flow.ts";
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
  /** Whether the money may be being sent: the bank has not answered yet. */
  readonly confirming: boolean;
  /** Whether nobody waits for its answer any more, so that it is not known what came of it. */
  readonly unconfirmed: boolean;
  /** Whether that was not known here, until the bank said that it had not sent the money. */
  readonly unsent: boolean;
  /** The last "no" from the bank on this screen. */
  readonly refusal: { readonly step: TransferStep; readonly refusal: Refusal; readonly command: string } | null;
  /** Something is being typed in this step. */
  type(step: TransferStep): void;
  /** The person's hands are off the keyboard: the screen may follow the other devices again. */
  rest(): void;
  /** Submits a step, which its schema allows, and goes on to the next; comes back when the bank refuses it. */
  submit(step: TransferStep, send: () => Submission): void;
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
  const unconfirmed = submitting !== "review" && session.confirming !== null;
  const confirming = submitting === "review" || unconfirmed;
  const [doubted, setDoubted] = useState(false);
  if (unconfirmed && !doubted) setDoubted(true);
  const busy = submitting === "review" || (submitting !== null && sync.state !== "offline");
  const held = typing?.at === wanted ? typing?.step : undefined;
  // What was typed and is kept aside is decided on where it was typed.
  const aside = session.shelved.find(({ conflict, kind }) => conflict && kind === "draft")?.step;
  const asked = [busy ? submitting : null, held, wanted, aside].find((step) =>
    progress.open.some((open) => open === step),
  );
  const shown = (asked ?? progress.current ?? progress.path.at(-1)!) as TransferStep;

  /** What was refused is mended in its fields where it is in them again, else among the shelved changes. */
  async function mend(command: string, step: TransferStep) {
    const { state } = sessions.open(transfer, id);
    const refused = state.shelved.find((change) => change.id === command);
    if (refused?.conflict === false) {
      if (!isInFields(refused.mine, step, state)) return;
      await refused.discard();
    }
    if (step !== state.progress.current) navigate(`/transfers/${id}/${step}`, { replace: true });
  }

  async function submit(step: TransferStep, send: () => Submission) {
    // Two presses within one turn of the page: the screen has not yet said that it is busy.
    if (sending.current) return;
    setTyping(null);
    setRefusal(null);
    if (step === "review") setDoubted(false);
    setSubmitting(step);
    // Back in the browser's history leads to the step that was just left.
    navigate(`/transfers/${id}/${step}`, { replace: true });
    navigate(`/transfers/${id}`);

    const submission = send();
    sending.current = step === "review";
    const settlement = await submission.settled;
    sending.current = false;
    setSubmitting(null);
    // That nothing was answered the session says, also to who comes back later.
    if (settlement.outcome !== "refused" || settlement.refusal.code === "unconfirmed") return;
    setRefusal({ step, refusal: settlement.refusal, command: submission.id });
    if (settlement.refusal.code !== "conflict") await mend(submission.id, step);
  }

  return {
    state: session,
    device: sessions.device.id,
    shown,
    busy,
    confirming,
    unconfirmed,
    unsent: doubted && !confirming,
    refusal,
    type(step) {
      setTyping({ step, at: wanted });
      setRefusal(null);
    },
    rest: () => setTyping(null),
    submit: (step, send) => void submit(step, send),
    cancel: () => void session.cancel(),
  };
}

/** Whether a step's form shows what was to be submitted there. */
function isInFields(input: Json, step: TransferStep, { status, drafts }: TransferState): boolean {
  const typed: Readonly<Record<string, Json | undefined>> = drafts[step] ?? {};
  const fields = Object.entries(input as Readonly<Record<string, Json>>);
  return status === "active" && fields.every(([field, value]) => sameJson(value, typed[field]));
}
