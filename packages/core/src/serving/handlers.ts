import type { z } from "zod";
import type { FaultCode } from "../error.ts";
import { toStorableJson, type Json } from "../json.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import type { Refusal } from "../refusal.ts";
import type { Advanced } from "../session/advance.ts";
import type { Handler, Rejection, ServedFlow } from "./served-flow.ts";

/** The application's own code threw, took too long, or returned a value that is not allowed. The message names the handler. */
export class HandlerFailedError extends Error {
  override readonly name = "HandlerFailedError";
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export type HandlerResult =
  | { readonly ok: true; readonly session: Snapshot }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * Runs the step's handler and, if the submission completes the session, `complete`. Adds their results to the session.
 * `given` is the argument of each handler beside what the session gives. `runGuarded` runs a handler whose name in errors
 * is `where`, and throws a {@link HandlerFailedError} if it fails.
 */
export async function runHandlers<Given>(
  served: ServedFlow<Given>,
  advanced: Extract<Advanced, { accepted: true }>,
  given: Given & { readonly owner: string },
  runGuarded: (run: () => unknown, where: string) => Promise<unknown>,
): Promise<HandlerResult> {
  const { change } = advanced;
  let { session } = advanced;
  if (change?.kind !== "submit") return { ok: true, session };
  const { step } = change;
  const { id, flow, startedAt, data } = session;

  /** `name` is the handler's name in errors, such as "the handler of step amount". */
  const call = async (
    run: Handler<Given>,
    schema: z.ZodType<Json> | undefined,
    name: string,
  ): Promise<Json | Rejection> => {
    const told = { ...given, session: { id, flow, startedAt }, input: change.data, data, outputs: session.outputs };
    const where = `Flow ${flow}, ${name}`;
    const refuse = (reason: string) => ({ [REJECTED]: true, rejected: reason });
    const returned = await runGuarded(() => run({ ...told, refuse }), where);
    if (isRejection(returned)) return returned;
    return schema === undefined ? null : parseOutput(schema, returned, where);
  };
  const rejected = ({ rejected: reason }: Rejection): HandlerResult => ({
    ok: false,
    refusal: { code: "rejected", step, reason },
  });

  const handler = served.handlerOf(step);
  if (handler !== undefined) {
    const schema = served.flow.steps[step].output as z.ZodType<Json> | undefined;
    const output = await call(handler, schema, `the handler of step ${step}`);
    if (isRejection(output)) return rejected(output);
    if (schema !== undefined) session = { ...session, outputs: { ...session.outputs, [step]: output } };
  }
  if (session.status === "completed" && served.complete !== undefined) {
    const schema = served.flow.result as z.ZodType<Json> | undefined;
    const result = await call(served.complete, schema, "`complete`");
    if (isRejection(result)) return rejected(result);
    session = { ...session, result };
  }
  return { ok: true, session };
}

// A symbol, so that no output of an application looks like a rejection.
const REJECTED = Symbol("rejected");

function isRejection(value: unknown): value is Rejection {
  return typeof value === "object" && value !== null && REJECTED in value;
}

function parseOutput(schema: z.ZodType<Json>, returned: unknown, where: string): Json {
  const parsed = schema.safeParse(returned);
  const plain = parsed.success ? toStorableJson(parsed.data) : undefined;
  if (plain?.ok) return plain.value;
  // The path of the value, and never the value itself.
  const at = parsed.error?.issues[0]?.path.join(".") ?? "";
  const what = at === "" ? "something" : `at ${at} something`;
  throw new HandlerFailedError("output_invalid", `${where} returned ${what} that its schema does not allow.`);
}
