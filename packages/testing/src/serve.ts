import {
  serveFlow,
  type AnyFlow,
  type HiddenSchemas,
  type NothingHidden,
  type ServedFlow as CoreServedFlow,
  type ServeOptions as CoreServeOptions,
} from "@sessions/core/internal";

/** The options of {@link serve}: those of `@sessions/server`. A handler here gets no `tx`, because there is no database. */
export type ServeOptions<Flow extends AnyFlow, Schemas extends HiddenSchemas<Flow> = NothingHidden> = CoreServeOptions<
  Flow,
  object,
  Schemas
>;

/** A flow with its limits and handlers. Made by {@link serve}. */
export type ServedFlow = CoreServedFlow<object>;

/**
 * Adds a server's part to a flow, as `serve` of `@sessions/server` does.
 *
 * @throws {SessionsError} `configuration_invalid` when a handler that the flow needs is missing, a step cannot ask for a
 *   proof as it does, or a schema in `hidden` cannot work.
 * @example
 * serve(transfer, {
 *   limits: [maxCompletions({ atMost: 20, per: "month" })],
 *   steps: { amount: ({ input, refuse }) => (input.cents > 500 ? refuse("Too much.") : { feeCents: 25 }) },
 *   complete: () => ({ reference: "R-1" }),
 * })
 */
export function serve<Flow extends AnyFlow, Schemas extends HiddenSchemas<Flow> = NothingHidden>(
  flow: Flow,
  options: ServeOptions<Flow, Schemas>,
): ServedFlow {
  return serveFlow<Flow, object, Schemas>(flow, options);
}

/** The flows by their names. A flow alone is served without limits and handlers. */
export function servedFlows(flows: readonly (AnyFlow | ServedFlow)[]): Map<string, ServedFlow> {
  const served = flows.map((each) => ("handlerOf" in each ? each : serve(each, {} as ServeOptions<AnyFlow>)));
  return new Map(served.map((each) => [each.flow.name, each]));
}
