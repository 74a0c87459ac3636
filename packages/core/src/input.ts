import { counted } from "./issues.ts";
import { MAX_INPUT_LENGTH, storable, type Json } from "./json.ts";
import type { Refusal } from "./refusal.ts";
import type { Step } from "./step.ts";

type Parsed = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly refusal: Refusal };

/** Checks a step's input as `advance` does, and gives the value that would be kept. */
export function parse(definition: Step, step: string, input: unknown): Parsed {
  const raw = storable(input);
  if (!raw.ok) return { ok: false, refusal: notStorable(step, raw) };
  const parsed = definition.input.safeParse(raw.value);
  if (!parsed.success) {
    return { ok: false, refusal: { code: "invalid_input", step, ...counted(parsed.error.issues) } };
  }
  const value = storable(parsed.data);
  return value.ok ? value : { ok: false, refusal: notStorable(step, value) };
}

/** What a person is told of a value that cannot be kept. */
export function notStorable(step: string, found: Exclude<ReturnType<typeof storable>, { ok: true }>): Refusal {
  if (found.tooLarge) return { code: "too_large", atMost: MAX_INPUT_LENGTH };
  return { code: "invalid_input", step, ...counted(found.issues, found.more) };
}
