import {
  pickFields,
  withoutSeenFields,
  fieldTest,
  isFields,
  notStorable,
  toStorableJson,
  type AnyFlow,
  type Json,
  type Refusal,
  type Snapshot,
  type Stamp,
  type Storable,
} from "@sessions/core/internal";
import { emptyFields, inputFields, ownDraftField, type Fields } from "../record/drafts.ts";

/**
 * The typed fields that can be stored, as JSON of their own. `refusal` says why the others cannot; null if there are none.
 * `undefined` empties a field.
 */
export function storableFields(step: string, fields: Fields): { stored: Fields; refusal: Refusal | null } {
  const stored: Record<string, Json | undefined> = {};
  const refusals: Refusal[] = [];
  for (const [field, value] of Object.entries(fields)) {
    // With its name, which may be a key that somebody typed.
    const result = toStorableJson({ [field]: value ?? null });
    if (result.ok) stored[field] = value === undefined ? undefined : (result.value as Record<string, Json>)[field]!;
    else refusals.push(notStorable(step, result));
  }
  const issues = refusals.flatMap((refusal) => (refusal.code === "invalid_input" ? refusal.issues : []));
  const [first = null] = refusals;
  return { stored, refusal: issues.length > 0 ? { code: "invalid_input", step, issues } : first };
}

/** The fields of a submitted form; `undefined` for an empty field. Null if the input is no form. */
export function submittedFields(input: unknown, plain: Storable): Fields | null {
  if (!isFields(input)) return null;
  if (!plain.ok) return input;
  return { ...emptyFields(Object.keys(input)), ...(plain.value as Fields) };
}

/**
 * A form that could not be submitted, as a draft of its step. A field that the form did not have is emptied, if the step
 * or its drafts have it and the form had seen it: `seenUntil` are the newest stamps that the form had seen.
 */
export function formAsDraft(
  flow: AnyFlow,
  view: Snapshot | null,
  step: string,
  form: Fields,
  seenUntil: readonly Stamp[],
): Fields {
  const shown = view?.drafts[step] ?? {};
  const typedSince = withoutSeenFields(shown, seenUntil);
  const empty = [...Object.keys(inputFields(view, step) ?? {}), ...Object.keys(shown)].filter(
    (field) => ownDraftField(typedSince, field) === undefined,
  );
  const whole = { ...emptyFields(empty), ...form };
  // Some schemas take fields that they drop.
  return pickFields(whole, fieldTest(flow.steps[step]));
}
