import { useSessionsClient } from "@sessions/react";
import { useState } from "react";

/** Tells that the browser has deleted unsent changes of this device. It stays until the person dismisses it. */
export function LostWork() {
  const sessions = useSessionsClient();
  const [lost, setLost] = useState(sessions.lost);

  function dismiss() {
    sessions.dismissLost();
    setLost(false);
  }
  return (
    <div className="lost-work" role="alert">
      {lost && (
        <p>
          This browser has deleted what the bank’s pages kept on this device. Changes from here that the bank did not
          have yet may be gone: look through your open transfers.
          <button type="button" className="button" onClick={dismiss}>
            I have read this
          </button>
        </p>
      )}
    </div>
  );
}
