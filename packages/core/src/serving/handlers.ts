import type { z } from "zod";
import { toStorableJson, type Json } from "../json.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import type { Refusal } from "../refusal.ts";
import type { Advanced } from "../session/advance.ts";
import { HandlerFailedError } from "./handler-failed-error.ts";
import { hiddenBefore, splitHidden, type Hidden } from "./hidden.ts";
import type { Handler, Rejection, ServedFlow } from "./served-flow.ts";

export type HandlerResult =
  | { readonly ok: true; readonly session: Snapshot; readonly hidden: Hidden }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * Runs the step's handler and, if the submission completes the session, `complete`. Adds their results to the session, and
 * what the step's handler hides to `hiddenSoFar`. `given` is the argument of each handler beside what the session gives.
 * `runGuarded` runs a handler whose name in errors is `where`, and throws a {@link HandlerFailedError} if it fails.
 */
export async function runHandlers<Given>(
  served: ServedFlow<Given>,
  advanced: Extract<Advanced, { accepted: true }>,
  hiddenSoFar: Hidden,
  given: Given & { readonly owner: string },
  runGuarded: (run: () => unknown, where: string) => Promise<unknown>,
): Promise<HandlerResult> {
  const { change } = advanced;
  let { session } = advanced;
  if (change?.kind !== "submit") return { ok: true, session, hidden: hiddenSoFar };
  const { step } = change;
  const { id, flow, startedAt, data } = session;
  let hidden = hiddenSoFar;

  const call = async (run: Handler<Given>, where: string, hiddenOfSteps: Hidden): Promise<unknown> => {
    const told = { session: { id, flow, startedAt }, input: change.data, data, outputs: session.outputs };
    const refuse = (reason: string) => ({ [REJECTED]: true, rejected: reason });
    return runGuarded(() => run({ ...given, ...told, hidden: hiddenOfSteps, refuse }), where);
  };
  const rejected = ({ rejected: reason }: Rejection): HandlerResult => ({
    ok: false,
    refusal: { code: "rejected", step, reason },
  });

  const handler = served.handlerOf(step);
  if (handler !== undefined) {
    const where = `Flow ${flow}, the handler of step ${step}`;
    const returned = await call(handler, where, hiddenBefore(served, session, hidden, step));
    if (isRejection(returned)) return rejected(returned);
    const hides = served.hidden[step];
    const parts = hides && splitHidden(hides, returned, where);
    if (parts) hidden = { ...hidden, [session.submissions[step]!.command]: parts.hidden };
    const schema = served.flow.steps[step].output as z.ZodType<Json> | undefined;
    if (schema !== undefined) {
      const output = parseOutput(schema, parts ? parts.output : returned, where);
      session = { ...session, outputs: { ...session.outputs, [step]: output } };
    }
  }
  if (session.status === "completed" && served.complete !== undefined) {
    const where = `Flow ${flow}, \`complete\``;
    const returned = await call(served.complete, where, hiddenBefore(served, session, hidden));
    if (isRejection(returned)) return rejected(returned);
    const schema = served.flow.result as z.ZodType<Json> | undefined;
    session = { ...session, result: schema === undefined ? null : parseOutput(schema, returned, where) };
  }
  return { ok: true, session, hidden };
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
