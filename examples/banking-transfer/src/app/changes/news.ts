import { useEffect, useRef, useState } from "react";
import { deviceText, stepNames, type TransferState, type TransferStep } from "../transfer/wording.ts";

/** A sentence about the last action of another device on this transfer. It is empty again after an action here. */
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
  if (before.status !== "active") return null;
  if (after.status === "expired") return "This transfer’s time has run out";
  if (after.status === "completed" || after.status === "cancelled") {
    if (after.device.id === device) return "";
    return `${after.status === "completed" ? "Finished" : "Cancelled"} on ${deviceText(after.device)} just now`;
  }
  for (const step of Object.keys(stepNames) as TransferStep[]) {
    const submission = after.submissions[step];
    if (!submission || submission.command === before.submissions[step]?.command) continue;
    return submission.device.id === device
      ? ""
      : `${stepNames[step]} was filled in on ${deviceText(submission.device)}`;
  }
  return null;
}
