import type { Transaction } from "kysely";
import type { z } from "zod";
import { SessionsError, storable, type Advanced, type Json, type Refusal, type Snapshot } from "@sessions/core";
import { errorCode, isTransient } from "./postgres/database.ts";
import type { ApplicationTables, Hook, Rejection, Served } from "./serve.ts";

/** The application's own code threw; `cause` is what. */
export class HookFailed extends Error {
  override readonly name = "HookFailed";
}

export type Hooked =
  | { readonly ok: true; readonly session: Snapshot }
  | { readonly ok: false; readonly refusal: Refusal };

/** Runs the step's handler and, when the session completes by it, `complete`; adds what they return to the session. */
export async function runHooks(
  served: Served,
  advanced: Extract<Advanced, { accepted: true }>,
  owner: string,
  tx: Transaction<ApplicationTables>,
): Promise<Hooked> {
  const { change } = advanced;
  let { session } = advanced;
  if (change?.kind !== "submit") return { ok: true, session };
  const { step } = change;
  const { id, flow, startedAt, data } = session;

  const call = async (hook: Hook, schema: z.ZodType<Json> | undefined): Promise<Json | Rejection> => {
    const given = { owner, session: { id, flow, startedAt }, input: change.data, data, outputs: session.outputs, tx };
    const returned = await guarded(() =>
      hook({ ...given, refuse: (reason) => ({ [REJECTED]: true, rejected: reason }) }),
    );
    if (isRejection(returned)) return returned;
    return schema === undefined ? null : outputOf(schema, returned, `Flow ${flow}, step ${step}.`);
  };
  const rejected = ({ rejected: reason }: Rejection): Hooked => ({
    ok: false,
    refusal: { code: "rejected", step, reason },
  });

  const handler = served.handlerOf(step);
  if (handler !== undefined) {
    const schema = served.flow.steps[step].output as z.ZodType<Json> | undefined;
    const output = await call(handler, schema);
    if (isRejection(output)) return rejected(output);
    if (schema !== undefined) session = { ...session, outputs: { ...session.outputs, [step]: output } };
  }
  if (session.status === "completed" && served.complete !== undefined) {
    const result = await call(served.complete, served.flow.result as z.ZodType<Json> | undefined);
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
async function guarded(run: () => unknown): Promise<unknown> {
  try {
    return await run();
  } catch (cause) {
    if (isTransient(cause) || /^(08...|57P0.)$/.test(errorCode(cause) ?? "")) throw cause;
    throw new HookFailed("The application's code threw.", { cause });
  }
}

function outputOf(schema: z.ZodType<Json>, returned: unknown, where: string): Json {
  const parsed = schema.safeParse(returned);
  const plain = parsed.success ? storable(parsed.data) : undefined;
  if (plain?.ok) return plain.value;
  throw new HookFailed("Wrong output.", {
    cause: new SessionsError("output_invalid", `${where}: not what its schema allows.`),
  });
}
