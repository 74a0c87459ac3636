import type { z } from "zod";
import { SessionsError } from "./error.ts";
import { boundedIssues } from "./issues.ts";
import { MAX_INPUT_LENGTH, sameJson, toStorableJson, type Issue, type Json } from "./json.ts";
import type { Checked } from "./session/input.ts";

/** One value that is kept for a person. */
export interface DataDefinition<Schema extends z.ZodType<Json> = z.ZodType<Json>> {
  /** It is synchronous, gives plain JSON, and accepts each value that it gives. */
  readonly schema: Schema;
  /**
   * `sign-in`: the value is of one browser or app, and goes when its sign-in ends. `owner`: the person has the same value
   * everywhere.
   */
  readonly per: "sign-in" | "owner";
  /** Whether only the server reads and changes it, and no page. Default false. */
  readonly serverOnly?: boolean;
}

/** The values that are kept for a person, by their keys. */
export type DataDefinitions = Readonly<Record<string, DataDefinition>>;

/** The keys of definitions. */
export type DataKey<Definitions extends DataDefinitions> = keyof Definitions & string;

/** The value of a key, as its schema gives it. */
export type DataValue<Definitions extends DataDefinitions, Key extends keyof Definitions> = z.output<
  Definitions[Key]["schema"]
>;

/** The value of a key, as its schema accepts it. */
export type DataInput<Definitions extends DataDefinitions, Key extends keyof Definitions> = z.input<
  Definitions[Key]["schema"]
>;

/** Why a value is refused. */
export type DataRefusal =
  | { readonly code: "invalid_input"; readonly issues: readonly Issue[]; readonly more?: number }
  | { readonly code: "too_large"; readonly atMost: number };

export type ParsedData =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly refusal: DataRefusal };

type Check = (schema: z.ZodType, value: Json) => Checked;

/**
 * Checks a value of a key, and gives the value to store.
 *
 * @throws {SessionsError} `configuration_invalid` if the schema throws, is asynchronous, or refuses the value that it gives.
 */
export function parseData(
  key: string,
  { schema }: DataDefinition,
  input: unknown,
  check: Check = (used, value) => used.safeParse(value),
): ParsedData {
  const raw = toStorableJson(input);
  if (!raw.ok) return refused(raw);
  const parsed = checked(key, schema, raw.value, check);
  if (!parsed.success) {
    const { issues, more } = parsed.error;
    return { ok: false, refusal: { code: "invalid_input", ...boundedIssues(issues, more) } };
  }
  const value = toStorableJson(parsed.data);
  if (!value.ok) return refused(value);
  if (!sameJson(raw.value, value.value)) {
    const again = checked(key, schema, value.value, check);
    if (!again.success || !sameJson(again.data as Json, value.value)) {
      throw misbehaving(key, "refuses or changes the value that it gives itself");
    }
  }
  return value;
}

function checked(key: string, schema: z.ZodType, value: Json, check: Check): Checked {
  try {
    return check(schema, value);
  } catch (cause) {
    // Its message may quote what a person typed.
    throw misbehaving(key, "is asynchronous, or threw", cause);
  }
}

function misbehaving(key: string, how: string, cause?: unknown): SessionsError {
  return new SessionsError("configuration_invalid", `The schema of \`data.${key}\` ${how}.`, { cause });
}

function refused(found: Exclude<ReturnType<typeof toStorableJson>, { ok: true }>): ParsedData {
  if (found.tooLarge) return { ok: false, refusal: { code: "too_large", atMost: MAX_INPUT_LENGTH } };
  return { ok: false, refusal: { code: "invalid_input", ...boundedIssues(found.issues, found.more) } };
}
