import { useEffect, useState } from "react";
import { syncText, type TransferState } from "./wording.ts";

/** Where the changes are: seen at once, and read out when it has stayed the same for a moment. */
export function SyncStatus({ sync }: { readonly sync: TransferState["sync"] }) {
  const text = syncText(sync);
  const [spoken, setSpoken] = useState("");
  useEffect(() => {
    // Every keystroke goes through "Saving…": nobody wants to hear each.
    const timer = setTimeout(() => setSpoken(text), 1_000);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <>
      <span className="sync" data-state={sync.state} aria-hidden="true">
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
