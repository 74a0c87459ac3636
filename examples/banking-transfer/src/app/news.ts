import { useEffect, useRef, useState } from "react";
import { stepNames, type TransferState, type TransferStep } from "./wording.ts";

/** What another device just did to this transfer, in a sentence; empty until it does something. */
export function useNews(state: TransferState, device: string): string {
  const before = useRef(state);
  const [news, setNews] = useState("");
  useEffect(() => {
    const text = newsBetween(before.current, state, device);
    before.current = state;
    if (text !== null) setNews(text);
  }, [state, device]);
  return news;
}

function newsBetween(before: TransferState, after: TransferState, device: string): string | null {
  if (before.status === "loading") return null;
  if (before.status === "active" && after.status !== "active") {
    if (after.status === "expired") return "This transfer’s time has run out";
    if (after.device.id === device) return null;
    return `${after.status === "completed" ? "Finished" : "Cancelled"} on ${after.device.name} just now`;
  }
  for (const step of Object.keys(stepNames) as TransferStep[]) {
    const submission = after.submissions[step];
    if (submission && submission.device.id !== device && submission.command !== before.submissions[step]?.command) {
      return `${stepNames[step]} was filled in on ${submission.device.name}`;
    }
  }
  return null;
}
