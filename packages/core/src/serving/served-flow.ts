import { SessionsError } from "../error.ts";
import type { AnyFlow } from "../flow/flow.ts";
import type {
  CompleteData,
  CompleteOutputs,
  Data,
  DataOf,
  IsGiven,
  OutputOf,
  Outputs,
  ResultOf,
  StepsOf,
  StepsWithOutput,
} from "../flow/flow-data.ts";
import type { Json } from "../json.ts";
import type { Limit } from "./limit.ts";
import { checkProofs } from "./proof.ts";

/** The value of `refuse(reason)`. A handler that returns it changes nothing. */
export interface Rejection {
  readonly rejected: string;
}

interface HandlerContext<Flow extends AnyFlow> {
  readonly owner: string;
  readonly session: { readonly id: string; readonly flow: Flow["name"]; readonly startedAt: string };
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

export type Eventually<T> = T | Promise<T>;

/** `Given` is what a server adds to the argument of each handler, such as a transaction. */
type StepHandler<Flow extends AnyFlow, StepName extends StepsOf<Flow>, Given> = (
  context: StepContext<Flow, StepName> & Given,
) => Eventually<
  (IsGiven<Flow["steps"][StepName]["output"]> extends true ? OutputOf<Flow, StepName> : void) | Rejection
>;

type StepHandlers<Flow extends AnyFlow, Given> = {
  readonly [StepName in StepsWithOutput<Flow>]: StepHandler<Flow, StepName, Given>;
} & { readonly [StepName in Exclude<StepsOf<Flow>, StepsWithOutput<Flow>>]?: StepHandler<Flow, StepName, Given> };

type CompleteHandler<Flow extends AnyFlow, Given> = (
  context: CompleteContext<Flow> & Given,
) => Eventually<(IsGiven<Flow["result"]> extends true ? ResultOf<Flow> : void) | Rejection>;

/** The server's part of a flow. `Given` is what the server adds to the argument of each handler. */
export type ServeOptions<Flow extends AnyFlow, Given> = {
  readonly limits?: readonly Limit[];
  readonly steps?: StepHandlers<Flow, Given>;
  readonly complete?: CompleteHandler<Flow, Given>;
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

/** A handler of any flow, as a server calls it. */
export type Handler<Given> = (
  context: {
    readonly owner: string;
    readonly session: { readonly id: string; readonly flow: string; readonly startedAt: string };
    readonly input: Json;
    readonly data: Readonly<Record<string, Json>>;
    readonly outputs: Readonly<Record<string, Json>>;
    refuse(reason: string): Rejection;
  } & Given,
) => Eventually<unknown>;

/** A flow with its limits and handlers. */
export interface ServedFlow<Given> {
  readonly flow: AnyFlow;
  readonly limits: readonly Limit[];
  handlerOf(step: string): Handler<Given> | undefined;
  readonly complete: Handler<Given> | undefined;
}

/**
 * Adds a server's part to a flow.
 *
 * @throws {SessionsError} `configuration_invalid` when a handler that the flow needs is missing, or a step cannot ask for a
 *   proof as it does.
 */
export function serveFlow<Flow extends AnyFlow, Given>(
  flow: Flow,
  options: ServeOptions<Flow, Given>,
): ServedFlow<Given> {
  // The server calls each handler with data that the flow's own schemas have parsed, so the types fit.
  const handlers = (options.steps ?? {}) as Readonly<Record<string, Handler<Given> | undefined>>;
  const complete = options.complete as Handler<Given> | undefined;
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
