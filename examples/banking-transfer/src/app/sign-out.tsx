import type { Sessions } from "@sessions/client";
import { useSessions } from "@sessions/react";
import { transfer } from "../flow.ts";
import { Question } from "./question.tsx";
import { signOut } from "./visit.ts";

/** Signs out and wipes what this device keeps; asks first when that is more than the bank has. */
export function SignOut({ sessions, onSignedOut }: { readonly sessions: Sessions; onSignedOut(): Promise<void> }) {
  const { active } = useSessions(transfer);
  const unsaved = active.reduce((sum, { sync, shelved }) => sum + sync.pending + shelved.length, 0);

  async function leave() {
    await signOut();
    await sessions.forget();
    await onSignedOut();
  }

  if (unsaved === 0) {
    return (
      <button type="button" className="button quiet" onClick={() => void leave()}>
        Sign out
      </button>
    );
  }
  return (
    <Question button="Sign out" title="Sign out and lose changes?" yes="Sign out" no="Stay" onYes={() => void leave()}>
      {unsaved === 1 ? "One change is" : `${unsaved} changes are`} on this device alone. Signing out wipes it.
    </Question>
  );
}
