import { useSessions } from "@sessions/react";
import { useState } from "react";
import { transfer } from "../flow.ts";
import { Question } from "./question.tsx";
import { signOut } from "./visit.ts";

/** Signs out, after which this device keeps nothing; asks first when it has more than the bank. */
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

  const button = unanswered ? "Try to sign out again" : "Sign out";
  return (
    <>
      {unsaved === 0 ? (
        <button type="button" className="button quiet" onClick={() => void leave()}>
          {button}
        </button>
      ) : (
        <Question
          button={button}
          title="Sign out and lose changes?"
          yes="Sign out"
          no="Stay"
          onYes={() => void leave()}
        >
          {unsaved === 1 ? "One change is" : `${unsaved} changes are`} on this device alone. Signing out wipes it.
        </Question>
      )}
      <span className={unanswered ? "still-signed-in" : "hidden"} role="status">
        {unanswered && "The bank does not answer: you are still signed in."}
      </span>
    </>
  );
}
