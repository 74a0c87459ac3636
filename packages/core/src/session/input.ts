import type { z } from "zod";
import { SessionsError } from "../error.ts";
import { isFields, pickFields } from "../fields.ts";
import { boundedIssues } from "../issues.ts";
import { MAX_INPUT_LENGTH, sameJson, toStorableJson, type Json } from "../json.ts";
import type { Refusal } from "../refusal.ts";
import { fieldTest } from "../flow/flow.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import type { Step } from "../flow/step.ts";

export interface Submittable {
  /** The value that the step's schema parsed. */
  readonly value: Json;
  /** The input as it was typed, if the schema changed it; null for a sensitive step. */
  readonly input?: Json;
}

export type Parsed = ({ readonly ok: true } & Submittable) | { readonly ok: false; readonly refusal: Refusal };

/** The value that a schema parsed, or its issues. `more` counts the issues that have no text. */
export type Checked =
  | { readonly success: true; readonly data: unknown }
  | { readonly success: false; readonly error: { readonly issues: z.core.$ZodIssue[]; readonly more?: number } };

type Check = (schema: z.ZodType, value: Json) => Checked;
const safeParse: Check = (schema, value) => schema.safeParse(value);

/**
 * Checks a step's input as `advance` does, and gives the value to store.
 *
 * @throws {SessionsError} `flow_invalid` when the schema throws, is asynchronous, or parses one input to different values.
 */
export function parseInput(definition: Step, step: string, input: unknown, check: Check = safeParse): Parsed {
  const raw = toStorableJson(input);
  if (!raw.ok) return { ok: false, refusal: notStorable(step, raw) };
  const parsed = parsedBy(check, definition.input, step, raw.value);
  if (!parsed.success) {
    const { issues, more } = parsed.error;
    return { ok: false, refusal: { code: "invalid_input", step, ...boundedIssues(issues, more) } };
  }
  const value = toStorableJson(parsed.data);
  if (!value.ok) return { ok: false, refusal: notStorable(step, value) };
  const typedInput = known(definition, raw.value);
  if (sameJson(typedInput, value.value)) return value;
  const again = parsedBy(check, definition.input, step, typedInput);
  if (!again.success || !sameJson(again.data as Json, value.value)) {
    throw misbehaving(step, "gives another value each time. Its value must depend on the input alone");
  }
  return { ...value, input: definition.sensitive ? null : typedInput };
}

function parsedBy(check: Check, schema: z.ZodType, step: string, raw: Json): Checked {
  try {
    return check(schema, raw);
  } catch (cause) {
    if (isAsync(schema, raw)) throw misbehaving(step, "is asynchronous. Do it in the step's handler");
    // Its message may quote what a person typed.
    throw misbehaving(step, `threw ${(cause as Error | undefined)?.name}. Let it add an issue instead`, cause);
  }
}

/** Whether a schema is asynchronous. The error of zod's compiled parser does not tell. */
function isAsync(schema: z.ZodType, raw: Json): boolean {
  try {
    const running = schema._zod.run({ value: raw, issues: [] }, { async: true });
    if (!(running instanceof Promise)) return false;
    running.catch(() => {});
    return true;
  } catch {
    return false;
  }
}

function misbehaving(step: string, how: string, cause?: unknown): SessionsError {
  return new SessionsError("flow_invalid", `Step ${step}: its schema ${how}.`, { cause });
}

/** The input without the fields that the schema does not have. */
function known(definition: Step, input: Json): Json {
  return isFields(input) ? pickFields(input, fieldTest(definition)) : input;
}

/** The refusal of a value that cannot be stored. */
export function notStorable(step: string, found: Exclude<ReturnType<typeof toStorableJson>, { ok: true }>): Refusal {
  if (found.tooLarge) return { code: "too_large", atMost: MAX_INPUT_LENGTH };
  return { code: "invalid_input", step, ...boundedIssues(found.issues, found.more) };
}

/** The submitted input of a step as it was typed, for its form; undefined when nothing was submitted. */
export function submittedInput({ data, inputs }: Pick<Snapshot, "data" | "inputs">, step: string): Json | undefined {
  return (Object.hasOwn(inputs, step) ? inputs : data)[step];
}
