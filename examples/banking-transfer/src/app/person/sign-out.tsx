import { useSessions } from "@sessions/react";
import { useState } from "react";
import { transfer } from "../../flow.ts";
import { Question } from "../elements/question.tsx";
import { signOut } from "./current-user.ts";

/** Signs out and wipes this device. Asks first if this device holds changes that the bank does not have. */
export function SignOut({ onSignedOut }: { onSignedOut(): Promise<void> }) {
  const { active, ended } = useSessions(transfer);
  const [unanswered, setUnanswered] = useState(false);
  const unsaved = [...active, ...ended].reduce((sum, { sync, shelved }) => sum + sync.pending + shelved.length, 0);

  async function leave() {
    try {
      await signOut();
    } catch {
      setUnanswered(true);
      return;
    }
    await onSignedOut();
  }

  return (
    <>
      {unsaved === 0 ? (
        <button type="button" className="button quiet" onClick={() => void leave()}>
          Sign out
        </button>
      ) : (
        <Question
          button="Sign out"
          title="Sign out and lose changes?"
          yes="Sign out"
          no="Stay"
          onYes={() => void leave()}
        >
          {unsaved === 1 ? "One change is" : `${unsaved} changes are`} on this device alone. Signing out wipes it.
        </Question>
      )}
      <span className={unanswered ? "still-signed-in" : "hidden"} role="status">
        {unanswered && "The bank does not answer: you are still signed in. Try again."}
      </span>
    </>
  );
}
