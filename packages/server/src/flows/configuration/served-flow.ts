import type { Transaction } from "kysely";
import {
  SessionsError,
  type AnyFlow,
  type CompleteData,
  type CompleteOutputs,
  type Data,
  type DataOf,
  type IsGiven,
  type Json,
  type OutputOf,
  type Outputs,
  type ResultOf,
  type StepsOf,
  type StepsWithOutput,
} from "@sessions/core/internal";
import type { ApplicationTables } from "../../postgres/application-tables.ts";
import type { Limit } from "./limits.ts";
import { checkProofs } from "./proof.ts";

/** The value of `refuse(reason)`. A handler that returns it changes nothing. */
export interface Rejection {
  readonly rejected: string;
}

interface HandlerContext<Flow extends AnyFlow> {
  readonly owner: string;
  readonly session: { readonly id: string; readonly flow: Flow["name"]; readonly startedAt: string };
  /** The transaction that also writes the session. Everything that a handler writes with it commits with the session, or not at all. */
  readonly tx: Transaction<ApplicationTables>;
  /** Refuses the command, with a reason for the person. */
  refuse(reason: string): Rejection;
}

/** The argument of a step handler. `data` holds all submitted data, that of this step included. */
export interface StepContext<Flow extends AnyFlow, StepName extends StepsOf<Flow>> extends HandlerContext<Flow> {
  readonly input: DataOf<Flow, StepName>;
  readonly data: Data<Flow>;
  /** The outputs that the server has computed so far, by step. */
  readonly outputs: Outputs<Flow>;
}

/** The argument of `complete`. It has every step that is on all paths. */
export interface CompleteContext<Flow extends AnyFlow> extends HandlerContext<Flow> {
  readonly data: CompleteData<Flow>;
  readonly outputs: CompleteOutputs<Flow>;
}

type Eventually<T> = T | Promise<T>;

type StepHandler<Flow extends AnyFlow, StepName extends StepsOf<Flow>> = (
  context: StepContext<Flow, StepName>,
) => Eventually<
  (IsGiven<Flow["steps"][StepName]["output"]> extends true ? OutputOf<Flow, StepName> : void) | Rejection
>;

type StepHandlers<Flow extends AnyFlow> = {
  readonly [StepName in StepsWithOutput<Flow>]: StepHandler<Flow, StepName>;
} & { readonly [StepName in Exclude<StepsOf<Flow>, StepsWithOutput<Flow>>]?: StepHandler<Flow, StepName> };

type CompleteHandler<Flow extends AnyFlow> = (
  context: CompleteContext<Flow>,
) => Eventually<(IsGiven<Flow["result"]> extends true ? ResultOf<Flow> : void) | Rejection>;

/**
 * The options of {@link serve}. `steps` must have a handler for each step with an `output`, and a flow with a `result` must
 * have `complete`. All of them run inside the transaction that decides the command. They may run again when it is retried,
 * so they must have no effects outside of the database.
 */
export type ServeOptions<Flow extends AnyFlow> = {
  readonly limits?: readonly Limit[];
  readonly steps?: StepHandlers<Flow>;
  readonly complete?: CompleteHandler<Flow>;
} & ([StepsWithOutput<Flow>] extends [never] ? unknown : NeedsSteps) &
  (IsGiven<Flow["result"]> extends true ? NeedsComplete : unknown);

// These have names and do not depend on a flow, so that the type error for a missing one is short.
interface NeedsSteps {
  /** A handler for each step that has an `output`. */
  readonly steps: object;
}
interface NeedsComplete {
  /** Runs when a session completes. It is required because the flow has a `result`. */
  readonly complete: object;
}

/** A handler of any flow, as the server calls it. */
export type Handler = (context: {
  readonly owner: string;
  readonly session: { readonly id: string; readonly flow: string; readonly startedAt: string };
  readonly input: Json;
  readonly data: Readonly<Record<string, Json>>;
  readonly outputs: Readonly<Record<string, Json>>;
  readonly tx: Transaction<ApplicationTables>;
  refuse(reason: string): Rejection;
}) => Eventually<unknown>;

/** A flow with its limits and handlers. Made by {@link serve}. */
export interface ServedFlow {
  readonly flow: AnyFlow;
  readonly limits: readonly Limit[];
  handlerOf(step: string): Handler | undefined;
  readonly complete: Handler | undefined;
}

/**
 * Adds the server's part to a flow: its limits, the handlers of its steps and the handler of its completion.
 *
 * @throws {SessionsError} `configuration_invalid` when a handler that the flow needs is missing, or a step cannot ask for a
 *   proof as it does.
 * @example
 * serve(transfer, {
 *   limits: [maxCompletions({ atMost: 20, per: "month", timeZone: "Europe/Brussels" })],
 *   steps: { amount: ({ input }) => ({ feeCents: fee(input.cents) }) },
 *   complete: async ({ data, tx }) => ({ reference: await book(tx, data) }),
 * })
 */
export function serve<Flow extends AnyFlow>(flow: Flow, options: ServeOptions<Flow>): ServedFlow {
  // The server calls each handler with data that the flow's own schemas have parsed, so the types fit.
  const handlers = (options.steps ?? {}) as Readonly<Record<string, Handler | undefined>>;
  const complete = options.complete as Handler | undefined;
  for (const name of flow.stepNames) {
    if (flow.steps[name].output !== undefined && !Object.hasOwn(handlers, name)) {
      throw new SessionsError(
        "configuration_invalid",
        `Flow ${flow.name}: step ${name} has an output and needs a handler.`,
      );
    }
  }
  checkProofs(flow);
  if (flow.result !== undefined && complete === undefined) {
    throw new SessionsError("configuration_invalid", `Flow ${flow.name} has a result and needs \`complete\`.`);
  }
  return {
    flow,
    limits: options.limits ?? [],
    handlerOf: (step) => (Object.hasOwn(handlers, step) ? handlers[step] : undefined),
    complete,
  };
}
