import type { Transaction } from "kysely";
import {
  serveFlow,
  type AnyFlow,
  type CompleteContext as CoreCompleteContext,
  type HiddenSchemas,
  type NothingHidden,
  type ServedFlow as CoreServedFlow,
  type ServeOptions as CoreServeOptions,
  type StepContext as CoreStepContext,
  type StepsOf,
} from "@sessions/core/internal";
import type { ApplicationTables } from "../../postgres/application-tables.ts";

export type { Rejection } from "@sessions/core/internal";

/** What the server gives each handler. */
export interface InTransaction {
  /** The transaction that also writes the session. Everything that a handler writes with it commits with the session, or not at all. */
  readonly tx: Transaction<ApplicationTables>;
}

/** The argument of a step handler. `data` holds all submitted data, that of this step included. */
export interface StepContext<
  Flow extends AnyFlow,
  StepName extends StepsOf<Flow>,
  Schemas extends HiddenSchemas<Flow> = NothingHidden,
>
  extends CoreStepContext<Flow, StepName, Schemas>, InTransaction {}

/** The argument of `complete`. It has every step that is on all paths. */
export interface CompleteContext<Flow extends AnyFlow, Schemas extends HiddenSchemas<Flow> = NothingHidden>
  extends CoreCompleteContext<Flow, Schemas>, InTransaction {}

/**
 * The options of {@link serve}. `steps` must have a handler for each step with an `output` or a schema in `hidden`, and a flow
 * with a `result` must have `complete`. All of them run inside the transaction that decides the command. They may run again when it is retried,
 * so they must have no effects outside of the database.
 */
export type ServeOptions<Flow extends AnyFlow, Schemas extends HiddenSchemas<Flow> = NothingHidden> = CoreServeOptions<
  Flow,
  InTransaction,
  Schemas
>;

/** A flow with its limits and handlers. Made by {@link serve}. */
export type ServedFlow = CoreServedFlow<InTransaction>;

/**
 * Adds the server's part to a flow: its limits, the handlers of its steps and the handler of its completion.
 *
 * @throws {SessionsError} `configuration_invalid` when a handler that the flow needs is missing, a step cannot ask for a
 *   proof as it does, or a schema in `hidden` cannot work.
 * @example
 * serve(transfer, {
 *   limits: [maxCompletions({ atMost: 20, per: "month", timeZone: "Europe/Brussels" })],
 *   steps: { amount: ({ input }) => ({ feeCents: fee(input.cents) }) },
 *   complete: async ({ data, tx }) => ({ reference: await book(tx, data) }),
 * })
 */
export function serve<Flow extends AnyFlow, Schemas extends HiddenSchemas<Flow> = NothingHidden>(
  flow: Flow,
  options: ServeOptions<Flow, Schemas>,
): ServedFlow {
  return serveFlow<Flow, InTransaction, Schemas>(flow, options);
}
