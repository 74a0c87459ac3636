import type { AnyFlow } from "../flow/flow.ts";
import type { Step } from "../flow/step.ts";
import type { Refusal } from "../refusal.ts";
import type { HistoryChange } from "../session/change.ts";
import { asksForProof } from "./proof.ts";

/** What a command changes, as far as it matters for guests. `draft` stands for changes that are in no history. */
export type GuestChange = HistoryChange["kind"] | "draft" | "confirm";

/** Whether a guest may do it in their session. `confirm` is the submission of a step with `confirm`, or one that asks for a proof. */
export const guestChanges: Readonly<Record<GuestChange, "allowed" | "refused">> = {
  start: "refused",
  draft: "allowed",
  lift: "allowed",
  submit: "allowed",
  confirm: "refused",
  end: "refused",
  // No command does it.
  adopt: "refused",
};

/** The refusal of a change that a guest may not make; null if they may. */
export function guestRefusal(flow: AnyFlow, change: HistoryChange | null): Refusal | null {
  return guestChanges[guestChangeOf(change, flow)] === "allowed" ? null : { code: "guest" };
}

function guestChangeOf(change: HistoryChange | null, flow: AnyFlow): GuestChange {
  if (change?.kind !== "submit") return change?.kind ?? "draft";
  const { confirm } = flow.steps[change.step] as Step;
  return confirm || asksForProof(flow, change.step) ? "confirm" : "submit";
}
