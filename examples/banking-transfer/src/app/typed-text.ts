import type { DraftOf, Json } from "@sessions/core";
import type { Transfer } from "../flow.ts";
import { typedCents } from "./money.ts";
import type { TransferState, TransferStep } from "./wording.ts";

/** A field as a person left it: the draft when there is one, else what was submitted, else nothing. */
export function typedText<K extends TransferStep>(
  { drafts, data }: Pick<TransferState, "drafts" | "data">,
  step: K,
  field: keyof DraftOf<Transfer, K> & string,
): string {
  const draft = (drafts[step] as Record<string, Json | undefined> | undefined)?.[field];
  const value = draft ?? (data[step] as Record<string, Json | undefined> | undefined)?.[field];
  // A draft holds text; the one number that a step submits is its cents.
  return typeof value === "number" ? typedCents(value) : typeof value === "string" ? value : "";
}
