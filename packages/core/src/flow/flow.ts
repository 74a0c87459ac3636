import type { z } from "zod";
import "../jitless.ts";
import { durationMs, type Duration } from "../duration.ts";
import { SessionsError } from "../error.ts";
import { pickFields } from "../fields.ts";
import type { Json } from "../json.ts";
import type { Migrations, MigrationsInto } from "./migration.ts";
import { fieldNamesOf, findNonJson } from "./schema.ts";
import type { Step, Steps } from "./step.ts";

export type StepNameIn<AllSteps> = Extract<keyof AllSteps, string>;
/** The data that a path may depend on: the browser knows it as well as the server. */
type VisibleSteps<AllSteps extends Steps> = {
  readonly [Name in keyof AllSteps as AllSteps[Name]["sensitive"] extends true ? never : Name]: z.output<
    AllSteps[Name]["input"]
  >;
};
type Partially<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

/** The steps that are on each path that a path function can return: those at fixed places of its tuples. */
type StepsAtFixedPlaces<Path extends readonly string[]> = Path extends readonly [
  infer Head extends string,
  ...infer Rest extends readonly string[],
]
  ? Head | StepsAtFixedPlaces<Rest>
  : Path extends readonly [...infer Rest extends readonly string[], infer Last extends string]
    ? Last | StepsAtFixedPlaces<Rest>
    : never;
type MissingOnSomePath<All extends string, Path extends readonly string[]> = Path extends unknown
  ? Exclude<All, StepsAtFixedPlaces<Path>>
  : never;
type OnEveryPath<All extends string, Path extends readonly string[]> = Exclude<All, MissingOnSomePath<All, Path>>;

export interface FlowOptions<
  Name extends string,
  AllSteps extends Steps,
  Path extends readonly StepNameIn<AllSteps>[],
  Result extends z.ZodType<Json> | undefined,
  Version extends number,
  GivenMigrations,
> {
  /** Unique among the flows of an application. */
  readonly name: Name;
  /** A positive integer. Raise it when the shape of a step changes, and say in `migrate` how to lift the earlier data. */
  readonly version: Version;
  /** The steps, in their default order. A step may depend only on steps of this flow. */
  readonly steps: AllSteps & {
    readonly [Key in keyof AllSteps]: Step<AllSteps[Key]["input"], AllSteps[Key]["output"], StepNameIn<AllSteps>>;
  };
  /**
   * Returns the steps on a session's path, in order, for the submitted data. It must be pure and never throw: the browser
   * and the server both run it. `data` has no sensitive steps. Defaults to all steps, in order.
   */
  readonly path?: (data: Partially<VisibleSteps<AllSteps>>) => Path;
  /**
   * Asks for a fresh proof depending on the data, for steps with `confirm` or `sensitive`: returns how old the person's
   * proof may be, or nothing to ask for none. It takes the place of the step's own `fresh`. Only the server runs it, on the
   * data with the submitted step, without sensitive steps. It must be pure and never throw.
   *
   * @example
   * fresh: { review: ({ amount }) => (amount && amount.cents > 100_000 ? "5m" : undefined) }
   */
  readonly fresh?:
    | { readonly [Key in StepNameIn<AllSteps>]?: (data: Partially<VisibleSteps<AllSteps>>) => Duration | undefined }
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
  readonly migrate?: MigrationsInto<Version, AllSteps, GivenMigrations>;
}

/** How old a proof may be, for the submitted data. */
type FreshnessOf = (data: Readonly<Record<string, Json>>) => Duration | undefined;

/** The definition of a multi-step task, shared by browser and server. Made by {@link defineFlow}. */
export interface Flow<
  Name extends string = string,
  AllSteps extends Steps = Steps,
  Always extends string = string,
  Result extends z.ZodType<Json> | undefined = z.ZodType<Json> | undefined,
> {
  readonly name: Name;
  readonly version: number;
  readonly steps: AllSteps;
  readonly stepNames: readonly StepNameIn<AllSteps>[];
  readonly result: Result;
  readonly idleMs: number;
  readonly absoluteMs: number;
  readonly migrate: Migrations;
  /** How old the proof of a step's person may be, by step, for data without sensitive steps. */
  readonly fresh: Readonly<Record<string, FreshnessOf | undefined>> | undefined;
  /** The path for the submitted data. Throws `path_invalid` if the flow's own function throws or returns no valid path. */
  pathOf(data: Readonly<Record<string, Json>>): readonly StepNameIn<AllSteps>[];
  /** The steps that every completed session has. Present in types only. */
  readonly always?: Always;
}

// Any flow. Its type parameters are used as inputs and as outputs, so no flow would fit `unknown`.
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyFlow = Flow<string, any, any, any>;

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
  AllSteps extends Steps,
  const Path extends readonly StepNameIn<AllSteps>[] = never,
  Result extends z.ZodType<Json> | undefined = undefined,
  const Version extends number = number,
  GivenMigrations = unknown,
>(
  options: FlowOptions<Name, AllSteps, Path, Result, Version, GivenMigrations>,
): Flow<
  Name,
  AllSteps,
  [Path] extends [never] ? StepNameIn<AllSteps> : OnEveryPath<StepNameIn<AllSteps>, Path>,
  Result
> {
  const { name, version, path } = options;
  const steps: AllSteps = options.steps;
  type Options = Pick<Flow<Name, AllSteps, string, Result>, "name" | "version" | "steps" | "result" | "fresh">;
  const stepNames = Object.keys(steps) as StepNameIn<AllSteps>[];
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
      let found: readonly StepNameIn<AllSteps>[];
      try {
        found = path(pickFields(data, isVisible) as Partially<VisibleSteps<AllSteps>>);
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

/** Returns whether the step's input has a field of a name. Any name passes if the schema takes any, or if there is no step. */
export function fieldTest(step: Step | undefined): (field: string) => boolean {
  const names = step && fieldNamesOf(step.input);
  const known = names && new Set(names);
  return (field) => known?.has(field) ?? true;
}

/** A flow's step of this name; undefined when it has none. */
export function stepOf(flow: Pick<AnyFlow, "steps">, name: string): Step | undefined {
  return Object.hasOwn(flow.steps, name) ? (flow.steps as Record<string, Step>)[name] : undefined;
}
