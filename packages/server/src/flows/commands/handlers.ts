import type { Transaction } from "kysely";
import type { z } from "zod";
import {
  toStorableJson,
  type Advanced,
  type FaultCode,
  type Json,
  type Refusal,
  type Snapshot,
} from "@sessions/core/internal";
import { errorCode, isTransient } from "../../postgres/errors.ts";
import type { Handler, Rejection, ServedFlow } from "../configuration/served-flow.ts";
import type { ApplicationTables } from "../../postgres/application-tables.ts";
import { withTimeLimit } from "../../time-limit.ts";

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

/** Runs the step's handler and, if the submission completes the session, `complete`. Adds their results to the session. */
export async function runHandlers(
  served: ServedFlow,
  advanced: Extract<Advanced, { accepted: true }>,
  owner: string,
  tx: Transaction<ApplicationTables>,
  timeMs: number,
): Promise<HandlerResult> {
  const { change } = advanced;
  let { session } = advanced;
  if (change?.kind !== "submit") return { ok: true, session };
  const { step } = change;
  const { id, flow, startedAt, data } = session;

  /** `name` is the handler's name in errors, such as "the handler of step amount". */
  const call = async (run: Handler, schema: z.ZodType<Json> | undefined, name: string): Promise<Json | Rejection> => {
    const context = { owner, session: { id, flow, startedAt }, input: change.data, data, outputs: session.outputs, tx };
    const where = `Flow ${flow}, ${name}`;
    const refuse = (reason: string) => ({ [REJECTED]: true, rejected: reason });
    const returned = await runGuarded(() => run({ ...context, refuse }), where, timeMs);
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

/** Runs a handler. A serialization failure or a lost connection is the database's fault, and is thrown as it is. */
async function runGuarded(run: () => unknown, where: string, timeMs: number): Promise<unknown> {
  const startMs = performance.now();
  const throwTimedOut = (): never => {
    const why = `${where} was not done within ${timeMs} ms, and is rolled back.`;
    const likely =
      "Send its statements through `tx`: one that asks the pool for another connection may wait for those that handlers hold.";
    throw new HandlerFailedError("handler_timed_out", `${why} ${likely}`);
  };
  const running = async () => {
    try {
      return await run();
    } catch (cause) {
      if (isTransient(cause) || /^(08...|57P0.)$/.test(errorCode(cause) ?? "")) throw cause;
      // Postgres cancels the handler's statement after the same time, and its error may come first.
      if (errorCode(cause) === "57014" && performance.now() - startMs >= timeMs) return throwTimedOut();
      throw new HandlerFailedError("handler_failed", `${where} threw.`, { cause });
    }
  };
  return withTimeLimit(timeMs, running(), throwTimedOut);
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
