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
import type { z } from "zod";
import type { Json } from "../json.ts";
import {
  checkHidden,
  type CompleteHidden,
  type HiddenSchemas,
  type HiddenSoFar,
  type NothingHidden,
  type WithHidden,
} from "./hidden.ts";
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
export interface StepContext<
  Flow extends AnyFlow,
  StepName extends StepsOf<Flow>,
  Schemas extends HiddenSchemas<Flow> = NothingHidden,
> extends HandlerContext<Flow> {
  readonly input: DataOf<Flow, StepName>;
  readonly data: Data<Flow>;
  /** The outputs that the server has computed so far, by step. */
  readonly outputs: Outputs<Flow>;
  /** What the handlers of the other submitted steps hid, by step. */
  readonly hidden: HiddenSoFar<Schemas>;
}

/** The argument of `complete`. It has every step that is on all paths. */
export interface CompleteContext<
  Flow extends AnyFlow,
  Schemas extends HiddenSchemas<Flow> = NothingHidden,
> extends HandlerContext<Flow> {
  readonly data: CompleteData<Flow>;
  readonly outputs: CompleteOutputs<Flow>;
  /** What the step handlers hid, by step. */
  readonly hidden: CompleteHidden<Flow, Schemas>;
}

export type Eventually<T> = T | Promise<T>;

type OutputOrVoid<Flow extends AnyFlow, StepName extends StepsOf<Flow>> =
  IsGiven<Flow["steps"][StepName]["output"]> extends true ? OutputOf<Flow, StepName> : void;

/** `Given` is what a server adds to the argument of each handler, such as a transaction. */
type StepHandler<Flow extends AnyFlow, StepName extends StepsOf<Flow>, Given, Schemas extends HiddenSchemas<Flow>> = (
  context: StepContext<Flow, StepName, Schemas> & Given,
) => Eventually<
  | (StepName extends keyof Schemas
      ? WithHidden<OutputOrVoid<Flow, StepName>, Schemas, StepName>
      : OutputOrVoid<Flow, StepName>)
  | Rejection
>;

/** The steps that need a handler: those with an output, and those that hide something. */
type StepsWithHandler<Flow extends AnyFlow, Schemas> = StepsWithOutput<Flow> | Extract<StepsOf<Flow>, keyof Schemas>;

type StepHandlers<Flow extends AnyFlow, Given, Schemas extends HiddenSchemas<Flow>> = {
  readonly [StepName in StepsWithHandler<Flow, Schemas>]: StepHandler<Flow, StepName, Given, Schemas>;
} & {
  readonly [StepName in Exclude<StepsOf<Flow>, StepsWithHandler<Flow, Schemas>>]?: StepHandler<
    Flow,
    StepName,
    Given,
    Schemas
  >;
};

type CompleteHandler<Flow extends AnyFlow, Given, Schemas extends HiddenSchemas<Flow>> = (
  context: CompleteContext<Flow, Schemas> & Given,
) => Eventually<(IsGiven<Flow["result"]> extends true ? ResultOf<Flow> : void) | Rejection>;

/** The server's part of a flow. `Given` is what the server adds to the argument of each handler. */
export type ServeOptions<Flow extends AnyFlow, Given, Schemas extends HiddenSchemas<Flow> = NothingHidden> = {
  readonly limits?: readonly Limit[];
  /**
   * The schemas of what step handlers hide, by step. The handler of such a step returns `{ output, hidden }`, or `{ hidden }`
   * if the step has no output. Later handlers and `complete` get the value as `hidden`. No device gets it.
   */
  readonly hidden?: Schemas & { readonly [StepName in Exclude<keyof Schemas, StepsOf<Flow>>]: never };
  readonly steps?: StepHandlers<Flow, Given, NoInfer<Schemas>>;
  readonly complete?: CompleteHandler<Flow, Given, NoInfer<Schemas>>;
} & ([StepsWithHandler<Flow, Schemas>] extends [never] ? unknown : NeedsSteps) &
  (IsGiven<Flow["result"]> extends true ? NeedsComplete : unknown);

// These have names and do not depend on a flow, so that the type error for a missing one is short.
interface NeedsSteps {
  /** A handler for each step that has an `output` or hides something. */
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
    readonly hidden: Readonly<Record<string, Json>>;
    refuse(reason: string): Rejection;
  } & Given,
) => Eventually<unknown>;

/** A flow with its limits and handlers. */
export interface ServedFlow<Given> {
  readonly flow: AnyFlow;
  readonly limits: readonly Limit[];
  /** The schemas of what step handlers hide, by step. */
  readonly hidden: Readonly<Record<string, z.ZodType<Json> | undefined>>;
  handlerOf(step: string): Handler<Given> | undefined;
  readonly complete: Handler<Given> | undefined;
}

/**
 * Adds a server's part to a flow.
 *
 * @throws {SessionsError} `configuration_invalid` when a handler that the flow needs is missing, a step cannot ask for a
 *   proof as it does, or a schema in `hidden` cannot work.
 */
export function serveFlow<Flow extends AnyFlow, Given, Schemas extends HiddenSchemas<Flow> = NothingHidden>(
  flow: Flow,
  options: ServeOptions<Flow, Given, Schemas>,
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
  // Without a prototype, so that a step has a schema only if one was given.
  const hidden: ServedFlow<Given>["hidden"] = Object.assign(Object.create(null), options.hidden);
  checkHidden({ flow, hidden }, handlers);
  checkProofs(flow);
  if (flow.result !== undefined && complete === undefined) {
    throw new SessionsError("configuration_invalid", `Flow ${flow.name} has a result and needs \`complete\`.`);
  }
  return {
    flow,
    limits: options.limits ?? [],
    hidden,
    handlerOf: (step) => (Object.hasOwn(handlers, step) ? handlers[step] : undefined),
    complete,
  };
}
