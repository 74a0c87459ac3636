import { parseInput, type DraftOf, type InputOf, type Json, type Refusal } from "@sessions/core";
import { useStep } from "@sessions/react";
import { useEffect, useLayoutEffect, useState, type FocusEvent, type FormEvent } from "react";
import { useForm, type Resolver, type UseFormRegisterReturn } from "react-hook-form";
import { transfer, type Transfer } from "../../flow.ts";
import { groupedIban } from "../text/iban.ts";
import { typedCents } from "../text/money.ts";
import type { OpenTransfer } from "../transfer/open-transfer.ts";
import { refusalText, type TransferStep } from "../transfer/wording.ts";

type FormStep = Exclude<TransferStep, "review">;
type FieldOf<StepName extends FormStep> = keyof DraftOf<Transfer, StepName> & string;
type Texts<Field extends string = string> = Readonly<Record<Field, string>>;

/** The input that a step's fields hold, or the issues that keep the schema from judging it. */
type Read<StepName extends FormStep> =
  | { readonly input: InputOf<Transfer, StepName> }
  | { readonly issues: Partial<Texts> };

type BoundField = UseFormRegisterReturn & { readonly issue: string | undefined };

/** The state of one step's form, for its fields and its frame. */
export interface StepForm<Field extends string = string> {
  /** The bank's refusal of the step. Undefined if there is none, or if a field shows it. */
  readonly refusal: string | undefined;
  readonly busy: boolean;
  /** Connects a field to its draft. Each key press is kept on this device and shown on the others. */
  field(name: Field): BoundField;
  /** The same for a text field. */
  text(name: Field): BoundField & { readonly defaultValue: string };
  onBlur(event: FocusEvent<HTMLFormElement>): void;
  onSubmit(event: FormEvent<HTMLFormElement>): void;
}

/**
 * One step's form. react-hook-form holds the texts of the fields, and `useStep` the values on all devices. Each key
 * press saves a draft. A text stays as typed, even if it is not valid. Text from other devices shows in each field,
 * except in the one that the person types in.
 */
export function useStepForm<StepName extends FormStep>(
  open: OpenTransfer,
  step: StepName,
  blank: Texts<FieldOf<StepName>>,
  read: (texts: typeof blank) => Read<StepName>,
): StepForm<FieldOf<StepName>> {
  const { values, draft, submit } = useStep(transfer, open.state.id, step);
  const [typedIn, setTypedIn] = useState<string | null>(null);
  const { register, getValues, setValue, setFocus, clearErrors, handleSubmit, formState } = useForm<
    Record<string, string>,
    unknown,
    InputOf<Transfer, StepName>
  >({
    defaultValues: { ...blank, ...textsOf(values) },
    resolver: resolverOf(step, (texts) => read(texts as typeof blank)),
  });

  const texts = { ...blank, ...textsOf(values) };
  useLayoutEffect(() => {
    for (const [name, text] of Object.entries(texts)) {
      if (name === typedIn || text === getValues(name)) continue;
      setValue(name, text);
      // The issue was about the earlier text.
      clearErrors(name);
    }
    // The texts depend on the values alone, and the fields never change.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [values, typedIn, getValues, setValue, clearErrors]);

  // While the outcome of a confirmation is unknown, nothing can be submitted.
  const busy = open.busy || open.confirming;
  const refused = open.refusal?.step === step ? open.refusal : null;
  const blamed = refused && fieldBlamed(refused.refusal, Object.keys(blank));
  useEffect(() => {
    if (blamed && document.hasFocus()) setFocus(blamed);
  }, [refused?.command, blamed, setFocus]);

  const send = handleSubmit((input) => {
    setTypedIn(null);
    open.submit(step, () => submit(input));
  });
  const field = (name: FieldOf<StepName>): BoundField => ({
    ...register(name, {
      onChange({ target }: { readonly target: HTMLInputElement }) {
        setTypedIn(name);
        open.startTyping(step);
        // The key is one of the step's fields. The compiler cannot follow a computed key of a generic type.
        draft({ [name]: target.value } as DraftOf<Transfer, StepName>);
      },
    }),
    issue: formState.errors[name]?.message ?? (refused && blamed === name ? refusalText(refused.refusal) : undefined),
  });
  return {
    refusal: refused && !blamed ? refusalText(refused.refusal) : undefined,
    busy,
    field,
    // When the back button restores a page, WebKit sets fields without autocomplete to this value, without an event.
    text: (name) => ({ ...field(name), defaultValue: name === typedIn ? (getValues(name) ?? "") : texts[name] }),
    onBlur({ relatedTarget, currentTarget }) {
      // A person who goes on to the button submits the shown text, not a later text from another device.
      if (relatedTarget instanceof HTMLButtonElement && relatedTarget.form === currentTarget) return;
      setTypedIn(null);
      open.stopTyping();
    },
    onSubmit(event) {
      event.preventDefault();
      if (!busy) void send(event);
    },
  };
}

/** The field that a refusal is about. The bank's own reasons (`rejected`) are about the first field. */
function fieldBlamed(refusal: Refusal, fields: readonly string[]): string | undefined {
  if (refusal.code === "rejected") return fields[0];
  if (refusal.code !== "invalid_input") return undefined;
  const [path] = refusal.issues.map((issue) => String(issue.path[0]));
  return fields.find((field) => field === path);
}

/** Validates a form by the step's schema, as the bank does. */
function resolverOf<StepName extends FormStep>(
  step: StepName,
  read: (texts: Texts) => Read<StepName>,
): Resolver<Record<string, string>, unknown, InputOf<Transfer, StepName>> {
  return (texts) => {
    const found = read(texts);
    if ("issues" in found) return failed(Object.entries(found.issues));
    const parsed = parseInput(transfer.steps[step], step, found.input);
    if (parsed.ok) return { values: found.input, errors: {} };
    const issues = parsed.refusal.code === "invalid_input" ? parsed.refusal.issues : [];
    return failed(issues.map(({ path, message }) => [String(path[0]), message]));
  };
}

function failed(issues: readonly (readonly [string, string | undefined])[]) {
  const errors = issues.map(([field, message]) => [field, { type: "schema", message: message ?? "" }]);
  return { values: {}, errors: Object.fromEntries(errors) as Record<string, { type: string; message: string }> };
}

/** The texts for the fields. A draft is text. A submitted amount is a number of cents, and a submitted IBAN has no spaces. */
function textsOf(values: Readonly<Record<string, Json | undefined>>): Texts {
  const texts = Object.entries(values).map(([field, value]) => [
    field,
    typeof value === "number" ? typedCents(value) : typeof value === "string" ? groupedIban(value) : "",
  ]);
  return Object.fromEntries(texts) as Texts;
}
