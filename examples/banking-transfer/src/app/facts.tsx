import type { Json } from "@sessions/core";
import { origins } from "../flow.ts";
import { formatCents } from "./money.ts";
import { printedIban, type TransferStep } from "./wording.ts";

export interface Fact {
  readonly label: string;
  readonly text: string;
}

const labels: Readonly<Record<string, string>> = {
  name: "Name",
  iban: "IBAN",
  cents: "Amount",
  reference: "Reference",
  origin: "Source",
};

/** What a step's value says, submitted or just typed, as a person reads it. */
export function factsOf(step: TransferStep, value: Json | undefined): readonly Fact[] {
  if (step === "review" || typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value)
    .filter(([field, content]) => field in labels && content !== undefined && content !== "")
    .map(([field, content]) => ({ label: labels[field]!, text: textOf(field, content) }));
}

function textOf(field: string, content: Json | undefined): string {
  if (field === "cents" && typeof content === "number") return formatCents(content);
  if (field === "iban" && typeof content === "string") return printedIban(content);
  if (field === "origin" && typeof content === "string" && content in origins) {
    return origins[content as keyof typeof origins];
  }
  return typeof content === "string" ? content : "";
}

/** Labels and what they say, one beside the other. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl className="facts">
      {facts.map(({ label, text }) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}
