import type { Json, Refusal } from "@sessions/core";
import type { SessionState } from "@sessions/client";
import type { Transfer } from "../../flow.ts";
import { bankDay } from "../text/moment.ts";
import { formatCents } from "../text/money.ts";
import { plainText } from "../text/plain-text.ts";

export type TransferState = SessionState<Transfer>;
/** A transfer that is not ended. */
export type ActiveTransfer = Extract<TransferState, { readonly status: "active" }>;
export type EndedTransfer = Extract<TransferState, { readonly status: "completed" | "cancelled" | "expired" }>;
export type TransferStep = "recipient" | "amount" | "source" | "review";

/** Values by the name of their field. */
export type Fields = Readonly<Record<string, Json | undefined>>;

/** The name of each step for a person. */
export const stepNames = {
  recipient: "Recipient",
  amount: "Amount",
  source: "Source",
  review: "Review",
} as const satisfies Record<TransferStep, string>;

/** The fields of all shelved changes together. A later change wins. No two steps have a field of the same name. */
export function fieldsWanted(shelved: TransferState["shelved"]): Fields {
  return Object.assign({}, ...shelved.map(({ step, mine }) => (step === "review" ? {} : mine))) as Fields;
}

/** The name of a device for a person. */
export function deviceText({ name }: { readonly name: string | null }): string {
  return plainText(name ?? "") || "another device";
}

/** The title of a transfer: the known parts of "€1,200.00 to Grace Hopper". */
export function titleOf({ status, data, drafts, shelved }: TransferState): string {
  const wanted = status === "missing" ? fieldsWanted(shelved) : {};
  const typed = drafts.recipient?.name ?? wanted["name"];
  const name = plainText(
    typeof typed === "string" && typed.trim() !== "" ? typed.trim() : (data.recipient?.name ?? ""),
  );
  const cents = data.amount?.cents ?? wanted["cents"];
  const amount = typeof cents === "number" && formatCents(cents);
  if (amount && name) return `${amount} to ${name}`;
  if (name) return `To ${name}`;
  return amount || "New transfer";
}

/** Tells whether the bank has all changes of this device. `outcomeUnknown`: the bank did not answer a confirmation. */
export function syncText({ sync, confirming }: Pick<TransferState, "sync" | "confirming">, outcomeUnknown = false) {
  const { state, pending, storage } = sync;
  const where = storage === "memory" ? "in this tab only" : "on this device";
  if (state === "saved" || state === "saving" || state === "offline") {
    if (outcomeUnknown) return "Not known yet whether it was sent";
    if (confirming) return "Waiting for the bank’s answer…";
  }
  switch (state) {
    case "saved":
      return "All changes saved";
    case "saving":
      return "Saving…";
    case "offline":
      if (pending === 0) return "Offline: nothing is waiting";
      return `Offline: ${pending === 1 ? "1 change waits" : `${pending} changes wait`} ${where}`;
    case "signed_out":
      return "You are signed out here. Sign in to save what waits on this device.";
    case "blocked":
      return "The bank does not say anything of this transfer just now";
    case "attention":
      return "A change needs your decision";
    case "outdated":
      return "This page is older than the bank’s: reload it";
  }
}

/** Tells that the bank did not answer a confirmation. */
export const outcomeUnknownText = "The bank did not answer, so it is not known yet whether the money was sent.";

/** The reason of a refusal for a person. */
export function refusalText(refusal: Refusal): string {
  switch (refusal.code) {
    case "invalid_input":
      return refusal.issues[0]?.message ?? "Something is not filled in as it should be.";
    case "rejected":
      return refusal.reason;
    case "sign_in_again":
      return "Nothing was sent. For this amount the bank asks for your password again.";
    case "guest":
      return "Nothing was sent. Confirm on the device on which you are signed in.";
    case "conflict":
      return `${sentenceOf(refusal.changed)} changed elsewhere meanwhile. Look at it and decide again.`;
    case "limit_reached":
      return limitText(refusal);
    case "step_unreachable":
      return "A step before this one is missing.";
    case "ended":
      return `This transfer is already ${refusal.status}.`;
    case "expired":
    case "not_found":
      return "This transfer is not open any more.";
    case "unsettled":
      return "The bank must have all changes before it can send the money. You can confirm as soon as all changes are saved.";
    case "offline":
      return "You are offline. Money is sent only while the bank can answer.";
    case "outdated":
      return "This page is older than the bank’s. Reload it and try again.";
    case "busy":
    case "failed":
      return "The bank could not do this just now, and nothing was changed. Try again.";
    case "too_large":
    case "too_many_commands":
      return "That is more than the bank takes at once.";
    case "blocked":
      return "Something between this device and the bank does not let it through.";
    case "flow_not_served":
    case "unknown_step":
    case "command_mismatch":
    case "malformed":
      return "The bank did not understand this. Reload the page and try again.";
  }
}

function limitText({ atMost, resetsAt }: Extract<Refusal, { code: "limit_reached" }>): string {
  return resetsAt === null
    ? `You have ${atMost} open transfers, the most at once. Finish or cancel one first.`
    : `You have made ${atMost} transfers this month, the most that are possible. The next one is possible from ${bankDay(resetsAt)}.`;
}

function sentenceOf(steps: readonly string[]): string {
  const names = steps.map((step) => stepNames[step as TransferStep] ?? step);
  return `${new Intl.ListFormat("en").format(names)} ${names.length === 1 ? "was" : "were"}`;
}
