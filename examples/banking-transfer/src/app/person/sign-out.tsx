import type { SessionsClient } from "@sessions/client";
import { unsentSessions, type UnsentSession } from "@sessions/client/sign-in";
import { useSessions, useSessionsClient } from "@sessions/react";
import { useEffect, useId, useRef, useState, type ReactNode } from "react";
import { transfer } from "../../flow.ts";
import { stepNames, titleOf, type TransferStep } from "../transfer/wording.ts";

/** What a sign-out does on this device. */
export interface SigningOut {
  /** Looks for changes that the bank does not have. If there are some, it asks first. */
  begin(): Promise<void>;
  /** The question and the news, for a place that stays on the page. */
  readonly shown: ReactNode;
}

/** `signOut` signs out and wipes this device, or rejects if the bank does not answer. */
export function useSigningOut(signOut: () => Promise<void>): SigningOut {
  const sessions = useSessionsClient();
  const { active, ended } = useSessions(transfer);
  // Null while nothing is asked.
  const [unsent, setUnsent] = useState<readonly UnsentSession[] | null>(null);
  const [unanswered, setUnanswered] = useState(false);
  const leaving = useRef(false);

  const isAsking = unsent !== null;
  useEffect(() => {
    if (!isAsking) return;
    let left = false;
    // Some of it may reach the bank while the person reads.
    void unsentSessions(sessions).then((found) => left || setUnsent(found));
    return () => {
      left = true;
    };
  }, [isAsking, sessions, active, ended]);

  async function leave() {
    if (leaving.current) return;
    leaving.current = true;
    setUnsent(null);
    try {
      await signOut();
    } catch {
      setUnanswered(true);
    } finally {
      leaving.current = false;
    }
  }

  return {
    async begin() {
      setUnanswered(false);
      const found = await unsentSessions(sessions);
      if (found.length === 0) await leave();
      else setUnsent(found);
    },
    shown: (
      <>
        {unsent && (
          <Warning
            transfers={unsent.map((one) => described(sessions, one))}
            onStay={() => setUnsent(null)}
            onLeave={() => void leave()}
          />
        )}
        <span className={unanswered ? "still-signed-in" : "hidden"} role="status">
          {unanswered && "The bank does not answer: you are still signed in. Try again."}
        </span>
      </>
    ),
  };
}

interface UnsentTransfer {
  readonly id: string;
  readonly title: string;
  /** The lost part, as a sentence. */
  readonly lost: string;
}

function described(sessions: SessionsClient, { id, steps }: UnsentSession): UnsentTransfer {
  const { state } = sessions.open(transfer, id);
  const names = steps.map((step) => stepNames[step as TransferStep] ?? step);
  const lost = names.length === 0 ? "It has not been sent." : `Not sent: ${new Intl.ListFormat("en").format(names)}.`;
  return {
    id,
    title: titleOf(state),
    lost: state.confirming === null ? lost : "The bank has not said yet whether the money was sent.",
  };
}

/** Names the changes that would be lost. */
function Warning(props: { readonly transfers: readonly UnsentTransfer[]; onStay(): void; onLeave(): void }) {
  const { transfers, onStay, onLeave } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const isLost = transfers.length > 0;
  return (
    <dialog ref={dialog} className="question" aria-labelledby={title} onClose={onStay}>
      <h2 id={title}>{isLost ? "Sign out and lose changes?" : "Sign out?"}</h2>
      <p>
        Signing out removes everything from this device.{" "}
        {isLost ? "The bank does not have all of it. This would be lost:" : "The bank has all of it now."}
      </p>
      <ul className="unsent">
        {transfers.map(({ id, title: name, lost }) => (
          <li key={id}>
            <strong>{name}</strong>
            <span>{lost}</span>
          </li>
        ))}
      </ul>
      <div className="actions">
        <button type="button" className="button" onClick={() => dialog.current?.close()}>
          Stay
        </button>
        <button type="button" className="button danger" onClick={onLeave}>
          Sign out
        </button>
      </div>
    </dialog>
  );
}
