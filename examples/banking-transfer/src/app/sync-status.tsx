import { useEffect, useState } from "react";
import { syncText, type TransferState } from "./wording.ts";

/** Where the changes are: seen at once, and read out when it has stayed the same for a moment. */
export function SyncStatus(props: { readonly state: TransferState; readonly unconfirmed: boolean }) {
  const { state, unconfirmed } = props;
  const { sync } = state;
  const text = syncText(state, unconfirmed);
  const [spoken, setSpoken] = useState("");
  useEffect(() => {
    // Every keystroke goes through "Saving…": nobody wants to hear each.
    const timer = setTimeout(() => setSpoken(text), 1_000);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <>
      <span className="sync" data-state={unconfirmed ? "unconfirmed" : sync.state} aria-hidden="true">
        {text}
      </span>
      {sync.state === "outdated" && (
        <button type="button" className="button" onClick={() => location.reload()}>
          Reload
        </button>
      )}
      <span className="hidden" aria-live="polite">
        {spoken}
      </span>
    </>
  );
}
