import type { z } from "zod";
import "../jitless.ts";
import { durationMs, type Duration } from "../duration.ts";
import { SessionsError } from "../error.ts";
import { pickFields } from "../fields.ts";
import type { Json } from "../json.ts";
import type { Migrations, MigrationsInto } from "./migration.ts";
import { fieldNamesOf, findNonJson } from "./schema.ts";
import type { FieldNames, Step, Steps } from "./step.ts";

type StepName<S> = Extract<keyof S, string>;
/** The data that a path may depend on: the browser knows it as well as the server. */
type VisibleSteps<S extends Steps> = {
  readonly [K in keyof S as S[K]["sensitive"] extends true ? never : K]: z.output<S[K]["input"]>;
};
type Partially<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** The steps that are on each path that a path function can return: those at fixed places of its tuples. */
type StepsAtFixedPlaces<P extends readonly string[]> = P extends readonly [
  infer Head extends string,
  ...infer Rest extends readonly string[],
]
  ? Head | StepsAtFixedPlaces<Rest>
  : P extends readonly [...infer Rest extends readonly string[], infer Last extends string]
    ? Last | StepsAtFixedPlaces<Rest>
    : never;
type MissingOnSomePath<All extends string, P extends readonly string[]> = P extends unknown
  ? Exclude<All, StepsAtFixedPlaces<P>>
  : never;
type OnEveryPath<All extends string, P extends readonly string[]> = Exclude<All, MissingOnSomePath<All, P>>;

export interface FlowOptions<
  Name extends string,
  S extends Steps,
  Path extends readonly StepName<S>[],
  Result extends z.ZodType<Json> | undefined,
  Version extends number,
  M,
> {
  /** Unique among the flows of an application. */
  readonly name: Name;
  /** A positive integer. Raise it when the shape of a step changes, and say in `migrate` how to lift the earlier data. */
  readonly version: Version;
  /** The steps, in their default order. A step may depend only on steps of this flow. */
  readonly steps: S & { readonly [K in keyof S]: Step<S[K]["input"], S[K]["output"], StepName<S>> };
  /**
   * Returns the steps on a session's path, in order, for the submitted data. It must be pure and never throw: the browser
   * and the server both run it. `data` has no sensitive steps. Defaults to all steps, in order.
   */
  readonly path?: (data: Partially<VisibleSteps<S>>) => Path;
  /**
   * Asks for a fresh proof depending on the data, for steps with `confirm` or `sensitive`: returns how old the person's
   * proof may be, or nothing to ask for none. It takes the place of the step's own `fresh`. Only the server runs it, on the
   * data with the submitted step, without sensitive steps. It must be pure and never throw.
   *
   * @example
   * fresh: { review: ({ amount }) => (amount && amount.cents > 100_000 ? "5m" : undefined) }
   */
  readonly fresh?:
    | { readonly [K in StepName<S>]?: (data: Partially<VisibleSteps<S>>) => Duration | undefined }
    | undefined;
  /** The schema of the value that `complete` on the server returns when the last step is submitted. */
  readonly result?: Result;
  /** Deadlines: since the last change, and since the start. Defaults: 72 hours and 30 days. */
  readonly expires?: { readonly idle?: Duration; readonly absolute?: Duration };
  /**
   * Says for each earlier version how its steps change in the next one. For a step, write a function from the old fields to
   * the new ones, `null` if the step is removed, or `{ to, fields, again }`. A step that is not named stays the same, and
   * `{}` says that all do. Sessions of a version without an entry are kept, but their commands are refused as `outdated`.
   *
   * @example
   * migrate: { 1: { recipient: (old) => ({ ...old, country: "BE" }), purpose: null, origin: { to: "source" } } }
   */
  readonly migrate?: MigrationsInto<Version, S, M>;
}

/** How old a proof may be, for the submitted data. */
type FreshnessOf = (data: Readonly<Record<string, Json>>) => Duration | undefined;

/** The definition of a multi-step task, shared by browser and server. Made by {@link defineFlow}. */
export interface Flow<
  Name extends string = string,
  S extends Steps = Steps,
  Always extends string = string,
  Result extends z.ZodType<Json> | undefined = z.ZodType<Json> | undefined,
> {
  readonly name: Name;
  readonly version: number;
  readonly steps: S;
  readonly stepNames: readonly StepName<S>[];
  readonly result: Result;
  readonly idleMs: number;
  readonly absoluteMs: number;
  readonly migrate: Migrations;
  /** How old the proof of a step's person may be, by step, for data without sensitive steps. */
  readonly fresh: Readonly<Record<string, FreshnessOf | undefined>> | undefined;
  /** The path for the submitted data. Throws `path_invalid` if the flow's own function throws or returns no valid path. */
  pathOf(data: Readonly<Record<string, Json>>): readonly StepName<S>[];
  /** The steps that every completed session has. Present in types only. */
  readonly always?: Always;
}

// Any flow. Its type parameters are used as inputs and as outputs, so no flow would fit `unknown`.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyFlow = Flow<string, any, any, any>;

/** The names of a flow's steps. */
export type StepsOf<F extends AnyFlow> = StepName<F["steps"]>;
/** The input that `submit` takes for a step: the schema's input. */
export type InputOf<F extends AnyFlow, K extends StepsOf<F>> = z.input<F["steps"][K]["input"]>;
/** A step's submitted data: the schema's parsed value. */
export type DataOf<F extends AnyFlow, K extends StepsOf<F>> = z.output<F["steps"][K]["input"]>;
/** Whether an optional schema is given; true for `AnyFlow`. Without `strictNullChecks` a missing one extends everything. */
export type IsGiven<Schema> = [Schema] extends [undefined] ? (0 extends 1 & Schema ? true : false) : true;
/** The output that the server computed for a step. */
export type OutputOf<F extends AnyFlow, K extends StepsOf<F>> =
  IsGiven<F["steps"][K]["output"]> extends true ? z.output<F["steps"][K]["output"]> : never;
/** The data submitted so far, by step. */
export type Data<F extends AnyFlow> = { readonly [K in StepsOf<F>]?: DataOf<F, K> };
/** The data submitted so far, as devices see it: null for a sensitive step. */
export type VisibleData<F extends AnyFlow> = {
  readonly [K in StepsOf<F>]?: F["steps"][K]["sensitive"] extends true ? null : DataOf<F, K>;
};
/** The inputs submitted so far, as devices see them: as they were typed, so a form can show them. */
export type VisibleInputs<F extends AnyFlow> = {
  readonly [K in StepsOf<F>]?: F["steps"][K]["sensitive"] extends true ? null : InputOf<F, K>;
};
/** The data of a completed session: it has every step that is on all paths, and perhaps others. */
export type CompleteData<F extends AnyFlow> = {
  readonly [K in Extract<StepsOf<F>, NonNullable<F["always"]>>]: DataOf<F, K>;
} & { readonly [K in Exclude<StepsOf<F>, NonNullable<F["always"]>>]?: DataOf<F, K> };
/** The steps for which the server computes an output. */
export type StepsWithOutput<F extends AnyFlow> = {
  [K in StepsOf<F>]: IsGiven<F["steps"][K]["output"]> extends true ? K : never;
}[StepsOf<F>];
/** The outputs that the server has computed so far, by step. */
export type Outputs<F extends AnyFlow> = { readonly [K in StepsWithOutput<F>]?: OutputOf<F, K> };
/** The outputs of a completed session: of every step with an output that is on all paths, and perhaps of others. */
export type CompleteOutputs<F extends AnyFlow> = {
  readonly [K in Extract<StepsWithOutput<F>, NonNullable<F["always"]>>]: OutputOf<F, K>;
} & { readonly [K in Exclude<StepsWithOutput<F>, NonNullable<F["always"]>>]?: OutputOf<F, K> };
/** A step's fields as typed so far: any JSON, valid or not, `undefined` for an emptied field. A sensitive step has none. */
// The type is taken from an object, so that an error shows the fields and not the whole flow.
export type DraftOf<F extends AnyFlow, K extends StepsOf<F>> = {
  readonly [Step in K]: {
    readonly [Field in FieldNames<InputOf<F, Step>>]?: F["steps"][Step]["sensitive"] extends true
      ? never
      : Json | undefined;
  };
}[K];
/** A value while a person types it: the value, or text, or nothing. An object or a list may have only some of its parts. */
export type PartialInput<T> = unknown extends T
  ? Json
  : T extends readonly (infer Item)[]
    ? readonly PartialInput<Item>[] | string | null
    : T extends object
      ? { readonly [Name in keyof T]?: PartialInput<T[Name]> } | string | null
      : T | string | null;
/** The values that the form of a step shows, by field: the draft, else the submitted input. A sensitive step has none. */
export type FormValuesOf<F extends AnyFlow, K extends StepsOf<F>> = {
  readonly [Step in K]: {
    readonly [Field in FieldNames<InputOf<F, Step>>]?:
      | (F["steps"][Step]["sensitive"] extends true ? never : PartialInput<FieldOf<InputOf<F, Step>, Field>>)
      | undefined;
  };
}[K];
type FieldOf<T, Field extends string> = unknown extends T
  ? unknown
  : T extends { readonly [Name in Field]?: infer Value }
    ? Value
    : never;
/** The names of a step's fields and of the values within them, joined by dots: `"lines.0.amount"`. */
export type FieldPathsOf<F extends AnyFlow, K extends StepsOf<F>> = PathsIn<InputOf<F, K>>;
type PathsIn<T, Depth extends readonly unknown[] = []> = Depth["length"] extends 6
  ? string
  : unknown extends T
    ? string
    : T extends readonly (infer Item)[]
      ? `${number}` | `${number}.${PathsIn<Item, [...Depth, T]>}`
      : T extends object
        ? { [Name in keyof T & (string | number)]: `${Name}` | `${Name}.${PathsIn<T[Name], [...Depth, T]>}` }[keyof T &
            (string | number)]
        : never;
/** The result of a completed session; null for a flow without a `result` schema. */
export type ResultOf<F extends AnyFlow> = IsGiven<F["result"]> extends true ? z.output<F["result"]> : null;

/**
 * Describes a multi-step task once, for browser and server.
 *
 * @throws {SessionsError} `flow_invalid` when the definition contradicts itself.
 * @example
 * const transfer = defineFlow({
 *   name: "transfer",
 *   version: 1,
 *   steps: {
 *     amount: step({ input: z.object({ cents: z.int().positive() }) }),
 *     review: step({ input: z.object({ accepted: z.literal(true) }), dependsOn: ["amount"], confirm: true }),
 *   },
 * });
 */
export function defineFlow<
  const Name extends string,
  S extends Steps,
  const Path extends readonly StepName<S>[] = never,
  Result extends z.ZodType<Json> | undefined = undefined,
  const Version extends number = number,
  M = unknown,
>(
  options: FlowOptions<Name, S, Path, Result, Version, M>,
): Flow<Name, S, [Path] extends [never] ? StepName<S> : OnEveryPath<StepName<S>, Path>, Result> {
  const { name, version, path } = options;
  const steps: S = options.steps;
  type Options = Pick<Flow<Name, S, string, Result>, "name" | "version" | "steps" | "result" | "fresh">;
  const stepNames = Object.keys(steps) as StepName<S>[];
  const idleMs = durationMs(options.expires?.idle ?? "72h");
  const absoluteMs = durationMs(options.expires?.absolute ?? "30d");

  const invalid = (detail: string) => new SessionsError("flow_invalid", `Flow ${name}: ${detail}`);
  if (!/^[A-Za-z][\w-]{0,99}$/.test(name)) {
    throw invalid("a name starts with a letter and has up to 100 letters, digits, _ and -.");
  }
  if (!Number.isSafeInteger(version) || version < 1 || version > 1_000_000) {
    throw invalid("the version is a whole number from 1 to 1,000,000.");
  }
  if (stepNames.length === 0) throw invalid("there are no steps.");
  if (idleMs === undefined || absoluteMs === undefined) {
    throw invalid('a duration is a whole number and m, h or d, such as "72h".');
  }
  for (const [stepName, { dependsOn, input, output }] of Object.entries<Step>(steps)) {
    // A step's name is a key of the session's objects. A name that every object inherits would be found in all of them.
    if (!/^[A-Za-z][\w-]{0,99}$/.test(stepName) || stepName in Object.prototype) {
      throw invalid(`the step name ${stepName} is not allowed.`);
    }
    const unknown = dependsOn.find((other) => !Object.hasOwn(steps, other));
    if (unknown !== undefined) throw invalid(`step ${stepName} cannot depend on ${unknown}.`);
    const odd = findNonJson(input, "in") ?? findNonJson(input, "out") ?? (output && findNonJson(output, "out"));
    if (odd !== undefined) {
      const where = odd.path.join(".") || "all of it";
      const instead = odd.type === "date" ? ": z.iso.datetime() is a date as text." : ".";
      throw invalid(`step ${stepName} holds JSON, and a ${odd.type} is none (${where})${instead}`);
    }
  }
  for (const stepName of stepNames) {
    if (dependents({ steps }, stepName).has(stepName)) {
      throw invalid(`step ${stepName} depends on itself, perhaps through others.`);
    }
  }

  // The browser does not have a sensitive step's data, and must compute the same path.
  const isVisible = (stepName: string) => !stepOf({ steps }, stepName)?.sensitive;

  return {
    ...(options as Options),
    stepNames,
    idleMs,
    absoluteMs,
    migrate: options.migrate ?? {},
    pathOf(data) {
      if (path === undefined) return stepNames;
      let found: readonly StepName<S>[];
      try {
        found = path(pickFields(data, isVisible) as Partially<VisibleSteps<S>>);
      } catch (cause) {
        throw new SessionsError("path_invalid", `Flow ${name}: the path function threw.`, { cause });
      }
      const wellFormed =
        Array.isArray(found) &&
        found.length > 0 &&
        new Set(found).size === found.length &&
        found.every((stepName) => Object.hasOwn(steps, stepName));
      if (!wellFormed) {
        throw new SessionsError("path_invalid", `Flow ${name}: a path lists one or more of its steps, each once.`);
      }
      return found;
    },
  };
}

/** Every step that depends on this one, directly or through another. */
export function dependents({ steps }: Pick<AnyFlow, "steps">, step: string): ReadonlySet<string> {
  const on = (cause: string) =>
    Object.entries<Step>(steps).flatMap(([name, { dependsOn }]) => (dependsOn.includes(cause) ? [name] : []));
  const found = new Set(on(step));
  // The loop also reaches names that are added to the set meanwhile.
  for (const name of found) for (const next of on(name)) found.add(next);
  return found;
}

/** The names of the fields that a step's input has; undefined when its schema takes any. */
export function fieldNames(step: Step): readonly string[] | undefined {
  return fieldNamesOf(step.input);
}

/** A flow's step of this name; undefined when it has none. */
export function stepOf(flow: Pick<AnyFlow, "steps">, name: string): Step | undefined {
  return Object.hasOwn(flow.steps, name) ? (flow.steps as Record<string, Step>)[name] : undefined;
}
