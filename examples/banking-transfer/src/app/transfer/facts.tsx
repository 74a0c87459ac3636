import type { Json } from "@sessions/core";
import { origins } from "../../flow.ts";
import { printedIban } from "../text/iban.ts";
import { formatCents } from "../text/money.ts";
import { plainText } from "../text/plain-text.ts";
import { fieldsWanted, type Fields, type TransferState, type TransferStep } from "./wording.ts";

export interface Fact {
  readonly label: string;
  readonly text: string;
}

/** In the order of reading. Values from the database have no order. */
const labels: Readonly<Record<string, string>> = {
  name: "Name",
  iban: "IBAN",
  cents: "Amount",
  reference: "Reference",
  origin: "Source",
};

/** The facts of a step's value, submitted or only typed. */
export function factsOf(step: TransferStep, value: Json | undefined): readonly Fact[] {
  if (step === "review" || typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return factsIn(value as Fields);
}

/** The facts of all shelved changes together. */
export function factsWanted(shelved: TransferState["shelved"]): readonly Fact[] {
  return factsIn(fieldsWanted(shelved));
}

function factsIn(fields: Fields): readonly Fact[] {
  return Object.entries(labels)
    .filter(([field]) => fields[field] !== undefined && fields[field] !== "")
    .map(([field, label]) => ({ label, text: textOf(field, fields[field]) }));
}

/** Sorts fields into the order of reading. */
export function inReadingOrder<T>(fields: readonly (readonly [string, T])[]): readonly (readonly [string, T])[] {
  const names = Object.keys(labels);
  return [...fields].sort(([one], [other]) => names.indexOf(one) - names.indexOf(other));
}

/** The label of a field. */
export function labelOf(field: string): string {
  return labels[field] ?? field;
}

/** A field's value as text for a person. It is empty for no value. */
export function textOf(field: string, content: Json | undefined): string {
  if (field === "cents" && typeof content === "number") return formatCents(content);
  if (field === "iban" && typeof content === "string") return printedIban(content);
  if (field === "origin" && typeof content === "string" && content in origins) {
    return origins[content as keyof typeof origins];
  }
  return typeof content === "string" ? plainText(content) : "";
}

/** A list of labels and their texts. */
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
