import type { z } from "zod";
import { SessionsError } from "../error.ts";
import { isFields, pickFields } from "../fields.ts";
import type { AnyFlow } from "../flow/flow.ts";
import type { StepsOf } from "../flow/flow-data.ts";
import { fieldNamesOf, findNonJson } from "../flow/schema.ts";
import { sameJson, toStorableJson, type Json } from "../json.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { HandlerFailedError } from "./handler-failed-error.ts";

/** The schemas of what step handlers hide, by step. */
export type HiddenSchemas<Flow extends AnyFlow> = { readonly [StepName in StepsOf<Flow>]?: z.ZodType<Json> };

/** No handler hides anything. */
export type NothingHidden = Readonly<Record<never, never>>;

type HiddenIn<Schemas, StepName extends keyof Schemas> = Schemas[StepName] extends z.ZodType
  ? z.output<Schemas[StepName]>
  : never;

/** What the handlers of the submitted steps hid, by step. */
export type HiddenSoFar<Schemas> = { readonly [StepName in keyof Schemas]?: HiddenIn<Schemas, StepName> };

/** What was hidden in a completed session: of every step on all paths, and perhaps of others. */
export type CompleteHidden<Flow extends AnyFlow, Schemas> = {
  readonly [StepName in Extract<keyof Schemas, NonNullable<Flow["always"]>>]: HiddenIn<Schemas, StepName>;
} & {
  readonly [StepName in Exclude<keyof Schemas, NonNullable<Flow["always"]>>]?: HiddenIn<Schemas, StepName>;
};

/** What a handler with a hidden value returns. `Output` is void for a step without one. */
export type WithHidden<Output, Schemas, StepName extends keyof Schemas> = ([Output] extends [void]
  ? { readonly output?: undefined }
  : { readonly output: Output }) & { readonly hidden: HiddenIn<Schemas, StepName> };

/** What step handlers hid. A stored session has it by the command of the submission, so that it goes with the submission. */
export type Hidden = Readonly<Record<string, Json>>;

/** What is hidden for the submissions that a session has. */
export function hiddenOf({ submissions }: Snapshot, hidden: Hidden): Hidden {
  if (Object.keys(hidden).length === 0) return hidden;
  const commands = new Set(Object.values(submissions).map(({ command }) => command));
  return pickFields(hidden, (command) => commands.has(command));
}

interface HidingFlow {
  readonly flow: AnyFlow;
  /** By step. */
  readonly hidden: Readonly<Record<string, z.ZodType<Json> | undefined>>;
}

/** @throws {SessionsError} `configuration_invalid` for a schema of a step that the flow lacks, without a handler, or of no JSON. */
export function checkHidden({ flow, hidden }: HidingFlow, handlers: object): void {
  const invalid = (detail: string) => new SessionsError("configuration_invalid", `Flow ${flow.name}: ${detail}`);
  for (const [step, schema] of Object.entries(hidden)) {
    if (!flow.stepNames.includes(step)) throw invalid(`\`hidden\` names step ${step}, which the flow does not have.`);
    if (!Object.hasOwn(handlers, step)) throw invalid(`step ${step} hides a value and needs a handler.`);
    const odd = schema && findNonJson(schema, "out");
    if (odd) throw invalid(`what step ${step} hides is JSON, and a ${odd.type} is none.`);
  }
}

/**
 * What was hidden for the submitted steps, by step. `step` is submitted now: what it hid before is gone.
 *
 * @throws {HandlerFailedError} `hidden_invalid` if a submitted step has no hidden value that its schema allows. An earlier
 *   version of the application may have submitted it.
 */
export function hiddenBefore(
  { flow, hidden: schemas }: HidingFlow,
  { submissions }: Snapshot,
  hidden: Hidden,
  step?: string,
): Readonly<Record<string, Json>> {
  const found: Record<string, Json> = {};
  for (const [name, { command }] of Object.entries(submissions)) {
    const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (schema === undefined || name === step) continue;
    const value = Object.hasOwn(hidden, command) ? hidden[command] : undefined;
    if (value === undefined || !allows(schema, value)) {
      const what = value === undefined ? "no hidden value" : "a hidden value that its schema does not allow";
      throw new HandlerFailedError("hidden_invalid", `Flow ${flow.name}, step ${name} was submitted with ${what}.`);
    }
    found[name] = value;
  }
  return found;
}

/**
 * The two parts of what a handler with a hidden value returned. `hidden` fits its schema.
 *
 * @throws {HandlerFailedError} `output_invalid`. The message holds nothing of the value.
 */
export function splitHidden(schema: z.ZodType<Json>, returned: unknown, where: string) {
  const { output, hidden }: { readonly output?: unknown; readonly hidden?: unknown } = isFields(returned)
    ? returned
    : {};
  const parsed = schema.safeParse(hidden);
  const plain = parsed.success ? toStorableJson(parsed.data) : undefined;
  if (plain?.ok && allows(schema, plain.value)) return { output, hidden: plain.value };
  // A key of a record may be secret. A name in the schema is not.
  const field = String(parsed.error?.issues[0]?.path[0]);
  const at = fieldNamesOf(schema)?.includes(field) ? `hidden.${field}` : "hidden";
  const what = plain?.ok
    ? "a value that its schema changes when it parses it again"
    : "something that its schema does not allow";
  throw new HandlerFailedError("output_invalid", `${where} returned at ${at} ${what}.`);
}

/** Whether a schema gives a value back as it is. It is asked again when the value is read. */
function allows(schema: z.ZodType<Json>, value: Json): boolean {
  const parsed = schema.safeParse(value);
  return parsed.success && sameJson(parsed.data, value);
}
