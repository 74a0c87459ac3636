import type { Transaction } from "kysely";
import type { z } from "zod";
import { storable, type Advanced, type FaultCode, type Json, type Refusal, type Snapshot } from "@sessions/core";
import { errorCode, isTransient } from "../../postgres/errors.ts";
import type { ApplicationTables, Handler, Rejection, Served } from "../served/served-flow.ts";
import { within } from "../../time-limit.ts";

/** The application's own code threw, ran out of time or returned what it must not. The message says which code. */
export class HandlerFailed extends Error {
  override readonly name = "HookFailed";
  readonly code: FaultCode;

  constructor(code: FaultCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export type Hooked =
  | { readonly ok: true; readonly session: Snapshot }
  | { readonly ok: false; readonly refusal: Refusal };

/** Runs the step's handler and, when the session completes by it, `complete`; adds what they return to the session. */
export async function runHandlers(
  served: Served,
  advanced: Extract<Advanced, { accepted: true }>,
  owner: string,
  tx: Transaction<ApplicationTables>,
  timeMs: number,
): Promise<Hooked> {
  const { change } = advanced;
  let { session } = advanced;
  if (change?.kind !== "submit") return { ok: true, session };
  const { step } = change;
  const { id, flow, startedAt, data } = session;

  /** `name`: how the application knows it, as in "the handler of step amount". */
  const call = async (hook: Handler, schema: z.ZodType<Json> | undefined, name: string): Promise<Json | Rejection> => {
    const given = { owner, session: { id, flow, startedAt }, input: change.data, data, outputs: session.outputs, tx };
    const where = `Flow ${flow}, ${name}`;
    const refuse = (reason: string) => ({ [REJECTED]: true, rejected: reason });
    const returned = await guarded(() => hook({ ...given, refuse }), where, timeMs);
    if (isRejection(returned)) return returned;
    return schema === undefined ? null : outputOf(schema, returned, where);
  };
  const rejected = ({ rejected: reason }: Rejection): Hooked => ({
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

// A symbol, so that no output of an application can be taken for a rejection.
const REJECTED = Symbol("rejected");

function isRejection(value: unknown): value is Rejection {
  return typeof value === "object" && value !== null && REJECTED in value;
}

/** A serialization failure or a lost connection is the database's to answer for, wherever it showed. */
async function guarded(run: () => unknown, where: string, timeMs: number): Promise<unknown> {
  let returned: readonly [unknown] | undefined;
  const startMs = performance.now();
  try {
    returned = await within(timeMs, (async () => [await run()] as const)());
  } catch (cause) {
    if (isTransient(cause) || /^(08...|57P0.)$/.test(errorCode(cause) ?? "")) throw cause;
    // A statement of its own that was cancelled for the same reason may be told first.
    if (errorCode(cause) !== "57014" || performance.now() - startMs < timeMs) {
      throw new HandlerFailed("hook_failed", `${where} threw.`, { cause });
    }
  }
  if (returned !== undefined) return returned[0];
  const why = `${where} was not done within ${timeMs} ms, and is rolled back.`;
  const likely =
    "Send its statements through `tx`: one that asks the pool for another connection may wait for those that handlers hold.";
  throw new HandlerFailed("handler_timed_out", `${why} ${likely}`);
}

function outputOf(schema: z.ZodType<Json>, returned: unknown, where: string): Json {
  const parsed = schema.safeParse(returned);
  const plain = parsed.success ? storable(parsed.data) : undefined;
  if (plain?.ok) return plain.value;
  // Where it differs, and never the value.
  const at = parsed.error?.issues[0]?.path.join(".") ?? "";
  const what = at === "" ? "something" : `at ${at} something`;
  throw new HandlerFailed("output_invalid", `${where} returned ${what} that its schema does not allow.`);
}
