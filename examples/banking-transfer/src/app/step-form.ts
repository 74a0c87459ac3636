import type { DraftOf, InputOf, Refusal } from "@sessions/core";
import { useState, type FormEvent } from "react";
import type { Transfer } from "../flow.ts";
import type { OpenTransfer } from "./open-transfer.ts";
import { refusalText, type TransferStep } from "./wording.ts";

type FieldOf<K extends TransferStep> = keyof DraftOf<Transfer, K> & string;
type Texts<K extends TransferStep> = Readonly<Record<FieldOf<K>, string>>;
type Issues = Readonly<Record<string, string | undefined>>;

/** What the texts in a step's fields come to: the step's input, or what is wrong before the schema can look at it. */
type Read<K extends TransferStep> = { readonly input: InputOf<Transfer, K> } | { readonly issues: Issues };

/** What the fields and the frame of one step's form need. */
export interface StepForm<Field extends string = string> {
  /** Why the bank refused the step; undefined when it did not. */
  readonly refusal: string | undefined;
  readonly busy: boolean;
  /** Ties a field to its draft: shown at once, kept on this device, seen on the others. */
  field(name: Field): { value: string; issue: string | undefined; onChange(text: string): void; onBlur(): void };
  onSubmit(event: FormEvent<HTMLFormElement>): void;
}

/**
 * One step's form. Every keystroke is a draft; the text stays as typed, also while it is no valid value.
 * What other devices type shows in every field but the one that is being typed in here.
 */
export function useStepForm<K extends Exclude<TransferStep, "review">>(
  open: OpenTransfer,
  step: K,
  stored: Texts<K>,
  read: (texts: Texts<K>) => Read<K>,
): StepForm<FieldOf<K>> {
  const [typing, setTyping] = useState<{ readonly field: FieldOf<K>; readonly text: string } | null>(null);
  const [issues, setIssues] = useState<Issues>({});
  const shown = typing ? { ...stored, [typing.field]: typing.text } : stored;

  function type(field: FieldOf<K>, text: string) {
    setTyping({ field, text });
    setIssues((before) => ({ ...before, [field]: undefined }));
    // A computed key of a generic type is more than the compiler follows: it is one of the step's fields.
    open.type(step, { [field]: text } as DraftOf<Transfer, K>);
  }

  async function submit(form: HTMLFormElement) {
    const found = read(shown);
    setTyping(null);
    const wrong = "issues" in found ? found.issues : issuesOf(await open.submit(step, found.input));
    setIssues(wrong);
    const first = Object.keys(wrong)[0];
    if (first) form.querySelector<HTMLElement>(`[name="${first}"]`)?.focus();
  }

  return {
    refusal: open.refusal?.step === step ? refusalText(open.refusal.refusal) : undefined,
    busy: open.busy,
    field: (name) => ({
      value: shown[name],
      issue: issues[name],
      onChange: (text) => type(name, text),
      onBlur() {
        setTyping(null);
        open.rest();
      },
    }),
    onSubmit(event) {
      event.preventDefault();
      if (!open.busy) void submit(event.currentTarget);
    },
  };
}

function issuesOf(refusal: Refusal | null): Issues {
  if (refusal?.code !== "invalid_input") return {};
  return Object.fromEntries(refusal.issues.map(({ path, message }) => [String(path[0]), message]));
}
