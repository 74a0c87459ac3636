import { useEffect, useState } from "react";
import { syncText, type TransferState } from "../transfer/wording.ts";

/** Tells where the changes are. A screen reader reads the text after a second without a change. */
export function SyncStatus(props: { readonly state: TransferState; readonly outcomeUnknown: boolean }) {
  const { state, outcomeUnknown } = props;
  const { sync } = state;
  const text = syncText(state, outcomeUnknown);
  const [spoken, setSpoken] = useState("");
  useEffect(() => {
    // Each key press passes through "Saving…", which a screen reader would read each time.
    const timer = setTimeout(() => setSpoken(text), 1_000);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <>
      <span className="sync" data-state={outcomeUnknown ? "unknown" : sync.state} aria-hidden="true">
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
