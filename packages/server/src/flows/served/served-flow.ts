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
} from "@sessions/core";
import type { Limit } from "./limits.ts";

/**
 * The application's own tables, as `tx` sees them. Declare them once:
 *
 * @example
 * declare module "@sessions/server" {
 *   interface ApplicationTables { ledger: LedgerTable }
 * }
 */
// An interface without members is what an application can add its tables to.
export interface ApplicationTables {}

/** What `refuse(reason)` makes: return it, and nothing is changed. */
export interface Rejection {
  readonly rejected: string;
}

interface HandlerContext<F extends AnyFlow> {
  readonly owner: string;
  readonly session: { readonly id: string; readonly flow: F["name"]; readonly startedAt: string };
  /** The transaction that also writes the session: what is written here commits with it, or not at all. */
  readonly tx: Transaction<ApplicationTables>;
  /** Says no, with a reason for the person. */
  refuse(reason: string): Rejection;
}

/** What a step handler is given. `data` holds what is submitted, this step included. */
export interface StepContext<F extends AnyFlow, K extends StepsOf<F>> extends HandlerContext<F> {
  readonly input: DataOf<F, K>;
  readonly data: Data<F>;
  /** What the server computed so far, by step. */
  readonly outputs: Outputs<F>;
}

/** What `complete` is given: every step that is on all paths is there. */
export interface CompleteContext<F extends AnyFlow> extends HandlerContext<F> {
  readonly data: CompleteData<F>;
  readonly outputs: CompleteOutputs<F>;
}

type Eventually<T> = T | Promise<T>;

type StepHandler<F extends AnyFlow, K extends StepsOf<F>> = (
  given: StepContext<F, K>,
) => Eventually<(IsGiven<F["steps"][K]["output"]> extends true ? OutputOf<F, K> : void) | Rejection>;

type StepHandlers<F extends AnyFlow> = {
  readonly [K in StepsWithOutput<F>]: StepHandler<F, K>;
} & { readonly [K in Exclude<StepsOf<F>, StepsWithOutput<F>>]?: StepHandler<F, K> };

type CompleteHandler<F extends AnyFlow> = (
  given: CompleteContext<F>,
) => Eventually<(IsGiven<F["result"]> extends true ? ResultOf<F> : void) | Rejection>;

/**
 * How a flow is served. `steps` has a handler for each step with an `output`, and `complete` is there for a
 * flow with a `result`. Both run inside the deciding transaction and may run again when it is retried: keep
 * effects outside the database out of them.
 */
export type ServeOptions<F extends AnyFlow> = {
  readonly limits?: readonly Limit[];
  readonly steps?: StepHandlers<F>;
  readonly complete?: CompleteHandler<F>;
} & ([StepsWithOutput<F>] extends [never] ? unknown : NeedsSteps) &
  (IsGiven<F["result"]> extends true ? NeedsComplete : unknown);

// Named, and of no flow: an error that one is missing is as short as this.
interface NeedsSteps {
  /** A handler for each step that has an `output`. */
  readonly steps: object;
}
interface NeedsComplete {
  /** What is done when a session completes: its flow has a `result`. */
  readonly complete: object;
}

/** A hook as the engine calls it. */
export type Handler = (given: {
  readonly owner: string;
  readonly session: { readonly id: string; readonly flow: string; readonly startedAt: string };
  readonly input: Json;
  readonly data: Readonly<Record<string, Json>>;
  readonly outputs: Readonly<Record<string, Json>>;
  readonly tx: Transaction<ApplicationTables>;
  refuse(reason: string): Rejection;
}) => Eventually<unknown>;

/** A flow with what the server adds to it. Made by {@link serve}. */
export interface Served {
  readonly flow: AnyFlow;
  readonly limits: readonly Limit[];
  handlerOf(step: string): Handler | undefined;
  readonly complete: Handler | undefined;
}

/**
 * Says how a flow is served: its limits, what is computed for its steps, and what completing it does.
 *
 * @throws {SessionsError} `configuration_invalid` when a handler that the flow needs is missing.
 * @example
 * serve(transfer, {
 *   limits: [completions({ atMost: 20, per: "month", timeZone: "Europe/Brussels" })],
 *   steps: { amount: ({ input }) => ({ feeCents: fee(input.cents) }) },
 *   complete: async ({ data, tx }) => ({ reference: await book(tx, data) }),
 * })
 */
export function serve<F extends AnyFlow>(flow: F, options: ServeOptions<F>): Served {
  // The typed handlers as the engine calls them: it hands each what the flow's own schemas have parsed.
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
