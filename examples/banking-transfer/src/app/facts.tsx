import type { Json } from "@sessions/core";
import { origins } from "../flow.ts";
import { formatCents } from "./money.ts";
import { plainText } from "./plain-text.ts";
import { fieldsWanted, printedIban, type Fields, type TransferState, type TransferStep } from "./wording.ts";

export interface Fact {
  readonly label: string;
  readonly text: string;
}

/** In the order in which they are read; what comes back from the database has no order. */
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
  return factsIn(value as Fields);
}

/** What shelved changes say together. */
export function factsWanted(shelved: TransferState["shelved"]): readonly Fact[] {
  return factsIn(fieldsWanted(shelved));
}

function factsIn(fields: Fields): readonly Fact[] {
  return Object.entries(labels)
    .filter(([field]) => fields[field] !== undefined && fields[field] !== "")
    .map(([field, label]) => ({ label, text: textOf(field, fields[field]) }));
}

/** Fields in the order in which they are read. */
export function inReadingOrder<T>(fields: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
  const names = Object.keys(labels);
  return [...fields].sort(([one], [other]) => names.indexOf(one) - names.indexOf(other));
}

/** What a person calls a field. */
export function labelOf(field: string): string {
  return labels[field] ?? field;
}

/** What a field's value says, as a person reads it; empty for none. */
export function textOf(field: string, content: Json | undefined): string {
  if (field === "cents" && typeof content === "number") return formatCents(content);
  if (field === "iban" && typeof content === "string") return printedIban(content);
  if (field === "origin" && typeof content === "string" && content in origins) {
    return origins[content as keyof typeof origins];
  }
  return typeof content === "string" ? plainText(content) : "";
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
