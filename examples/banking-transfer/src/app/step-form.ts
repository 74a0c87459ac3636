import { parse, type DraftOf, type InputOf, type Json, type Refusal } from "@sessions/core";
import { useStep } from "@sessions/react";
import { useEffect, useLayoutEffect, useState, type FocusEvent, type FormEvent } from "react";
import { useForm, type Resolver, type UseFormRegisterReturn } from "react-hook-form";
import { transfer, type Transfer } from "../flow.ts";
import { typedCents } from "./money.ts";
import type { OpenTransfer } from "./open-transfer.ts";
import { groupedIban, refusalText, type TransferStep } from "./wording.ts";

type FormStep = Exclude<TransferStep, "review">;
type FieldOf<K extends FormStep> = keyof DraftOf<Transfer, K> & string;
type Texts<Field extends string = string> = Readonly<Record<Field, string>>;

/** What the texts in a step's fields come to: the step's input, or what is wrong before the schema can look at it. */
type Read<K extends FormStep> = { readonly input: InputOf<Transfer, K> } | { readonly issues: Partial<Texts> };

type BoundField = UseFormRegisterReturn & { readonly issue: string | undefined };

/** What the fields and the frame of one step's form need. */
export interface StepForm<Field extends string = string> {
  /** Why the bank refused the step, unless one of its fields says so; undefined when it did not. */
  readonly refusal: string | undefined;
  readonly busy: boolean;
  /** Ties a field to its draft: shown at once, kept on this device, seen on the others. */
  field(name: Field): BoundField;
  /** The same for a field of text. */
  text(name: Field): BoundField & { readonly defaultValue: string };
  onBlur(event: FocusEvent<HTMLFormElement>): void;
  onSubmit(event: FormEvent<HTMLFormElement>): void;
}

/**
 * One step's form: react-hook-form holds what is typed, `useStep` what is known of it everywhere. Every keystroke is a
 * draft; the text stays as typed, also while it is no valid value. What other devices type shows in every field but
 * the one that is being typed in here.
 */
export function useStepForm<K extends FormStep>(
  open: OpenTransfer,
  step: K,
  blank: Texts<FieldOf<K>>,
  read: (texts: typeof blank) => Read<K>,
): StepForm<FieldOf<K>> {
  const { values, draft, submit } = useStep(transfer, open.state.id, step);
  const [typedIn, setTypedIn] = useState<string | null>(null);
  const { register, getValues, setValue, setFocus, clearErrors, handleSubmit, formState } = useForm<
    Record<string, string>,
    unknown,
    InputOf<Transfer, K>
  >({
    defaultValues: { ...blank, ...textsOf(values) },
    resolver: resolverOf(step, (texts) => read(texts as typeof blank)),
  });

  const texts = { ...blank, ...textsOf(values) };
  useLayoutEffect(() => {
    for (const [name, text] of Object.entries(texts)) {
      if (name === typedIn || text === getValues(name)) continue;
      setValue(name, text);
      // It was about what stood there before.
      clearErrors(name);
    }
    // The texts follow from the values, and the fields are the step's own.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [values, typedIn, getValues, setValue, clearErrors]);

  // Nothing is taken while it is not known whether the money was sent.
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
  const field = (name: FieldOf<K>): BoundField => ({
    ...register(name, {
      onChange({ target }: { readonly target: HTMLInputElement }) {
        setTypedIn(name);
        open.type(step);
        // A computed key of a generic type is more than the compiler follows: it is one of the step's fields.
        draft({ [name]: target.value } as DraftOf<Transfer, K>);
      },
    }),
    issue: formState.errors[name]?.message ?? (refused && blamed === name ? refusalText(refused.refusal) : undefined),
  });
  return {
    refusal: refused && !blamed ? refusalText(refused.refusal) : undefined,
    busy,
    field,
    // WebKit resets a field with autocomplete off to this when the back button brings its page back, and tells nobody.
    text: (name) => ({ ...field(name), defaultValue: name === typedIn ? (getValues(name) ?? "") : texts[name] }),
    onBlur({ relatedTarget, currentTarget }) {
      // Who goes on to the button submits what the field showed, not what another device has typed meanwhile.
      if (relatedTarget instanceof HTMLButtonElement && relatedTarget.form === currentTarget) return;
      setTypedIn(null);
      open.rest();
    },
    onSubmit(event) {
      event.preventDefault();
      if (!busy) void send(event);
    },
  };
}

/** Which of a step's fields the bank's no is about; the bank's own reason is about the first. Undefined for none of them. */
function fieldBlamed(refusal: Refusal, fields: readonly string[]): string | undefined {
  if (refusal.code === "rejected") return fields[0];
  if (refusal.code !== "invalid_input") return undefined;
  const [path] = refusal.issues.map((issue) => String(issue.path[0]));
  return fields.find((field) => field === path);
}

/** Judges a form by the step's own schema, as the bank will. */
function resolverOf<K extends FormStep>(
  step: K,
  read: (texts: Texts) => Read<K>,
): Resolver<Record<string, string>, unknown, InputOf<Transfer, K>> {
  return (texts) => {
    const found = read(texts);
    if ("issues" in found) return failed(Object.entries(found.issues));
    const parsed = parse(transfer.steps[step], step, found.input);
    if (parsed.ok) return { values: found.input, errors: {} };
    const issues = parsed.refusal.code === "invalid_input" ? parsed.refusal.issues : [];
    return failed(issues.map(({ path, message }) => [String(path[0]), message]));
  };
}

function failed(issues: readonly (readonly [string, string | undefined])[]) {
  const errors = issues.map(([field, message]) => [field, { type: "schema", message: message ?? "" }]);
  return { values: {}, errors: Object.fromEntries(errors) as Record<string, { type: string; message: string }> };
}

/** A draft holds text; the one number that a step submits is its cents, and an IBAN is submitted without spaces. */
function textsOf(values: Readonly<Record<string, Json | undefined>>): Texts {
  const texts = Object.entries(values).map(([field, value]) => [
    field,
    typeof value === "number" ? typedCents(value) : typeof value === "string" ? groupedIban(value) : "",
  ]);
  return Object.fromEntries(texts) as Texts;
}
