import type { Refusal } from "@sessions/core";
import { useEffect, useRef, useState } from "react";
import { PasswordQuestion } from "../elements/password-question.tsx";
import { Facts, type Fact } from "../transfer/facts.tsx";

/** The person who is signed in, who may have to give the password again. */
export interface Signer {
  readonly id: string;
  /** Returns the problem with the password; null if it is right. Rejects if the bank does not answer. */
  prove(password: string): Promise<string | null>;
}

interface PasswordProofProps {
  readonly signer: Signer;
  readonly refusal: Extract<Refusal, { readonly code: "sign_in_again" }>;
  /** Everything that the person agrees to with the password. */
  readonly facts: readonly Fact[];
  readonly yes: string;
  /** Why the money cannot be sent now; null if it can. */
  readonly obstacle: string | null;
  /** Whether one of the facts has just changed on another device. */
  readonly changed: boolean;
  /** Sends the confirmation again. False if it cannot be sent now. */
  send(): boolean;
  /** The password was right, and the confirmation was not sent. */
  onUnsent(): void;
}

/**
 * Asks for the password after the bank has refused a confirmation without it, and sends the confirmation again. It closes
 * when a fact changes: the person sees the change on the page, and decides anew.
 */
export function PasswordProof(props: PasswordProofProps) {
  const { signer, refusal, facts, yes, obstacle, changed, send, onUnsent } = props;
  const [closed, setClosed] = useState(false);
  if (changed && !closed) setClosed(true);

  // The password's check takes a while. Its answer meets the page as it is then.
  const sendNow = useRef<() => boolean>(undefined);
  useEffect(() => {
    sendNow.current = closed ? undefined : send;
    return () => {
      sendNow.current = undefined;
    };
  });

  async function prove(password: string): Promise<string | null> {
    try {
      const problem = await signer.prove(password);
      if (problem === null && !sendNow.current?.()) onUnsent();
      return problem;
    } catch {
      return "The bank did not answer. Try again.";
    }
  }

  if (closed) return null;
  const minutes = Math.round((refusal.freshMs ?? 0) / 60_000);
  return (
    <PasswordQuestion
      title="Enter your password to send"
      username={signer.id}
      yes={yes}
      obstacle={obstacle}
      onPassword={prove}
      onCancel={() => setClosed(true)}
    >
      <p>
        The money has not been sent yet. For this amount the bank asks for your password if you gave it more than{" "}
        {minutes} minutes ago.
      </p>
      <Facts facts={facts} />
    </PasswordQuestion>
  );
}
