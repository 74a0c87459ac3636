import type { z } from "zod";
import type { Duration } from "../duration.ts";
import type { Json } from "../json.ts";
import type { AssuranceLevel } from "./assurance-level.ts";

/** A JSON object. A step's input is one, so that drafts can be kept field by field. */
export type Fields = { readonly [field: string]: Json | undefined };

/** The field names of all members of a union. */
export type FieldNames<T> = unknown extends T ? string : T extends unknown ? Extract<keyof T, string> : never;

export interface StepOptions<
  Input extends z.ZodType<Fields>,
  Output extends z.ZodType<Json> | undefined,
  DependsOn extends string,
  Sensitive extends boolean,
> {
  /** The schema of the submitted input. It must be synchronous, and its parsed value must be plain JSON. */
  readonly input: Input;
  /** The schema of the output that the server computes for the person to see. It needs a step handler on the server. */
  readonly output?: Output;
  /**
   * A change of one of these steps clears this step. A submission of this step conflicts if one of them has changed since
   * the person saw it.
   */
  readonly dependsOn?: readonly DependsOn[];
  /** A step that cannot be undone: it is never queued offline and never sent again without the person. Default false. */
  readonly confirm?: boolean;
  /**
   * The input stays secret. It is never on the browser's disk, has no draft, and is not sent back: a session shows `null`
   * for it. It is sent while the person waits, like a step with `confirm`. A path cannot depend on it. Default false.
   */
  readonly sensitive?: Sensitive;
  /**
   * The person must have proved who they are within this time, as in `"5m"`; else a submission is refused as
   * `sign_in_again`. Only the server judges this: its `identify` says `provedAt`. The step needs `confirm` or `sensitive`,
   * because a person must be there to prove it. The flow's `fresh` asks depending on the data.
   */
  readonly fresh?: Duration;
  /** How surely the person must have proved who they are; else a submission is refused as `sign_in_again`. As for `fresh`. */
  readonly level?: AssuranceLevel;
}

/** One named part of a flow. Made by {@link step}. */
export interface Step<
  Input extends z.ZodType<Fields> = z.ZodType<Fields>,
  Output extends z.ZodType<Json> | undefined = z.ZodType<Json> | undefined,
  DependsOn extends string = string,
  Sensitive extends boolean = boolean,
> {
  readonly input: Input;
  readonly output: Output;
  readonly dependsOn: readonly DependsOn[];
  readonly confirm: boolean;
  readonly sensitive: Sensitive;
  readonly fresh?: Duration;
  readonly level?: AssuranceLevel;
  /**
   * Whether a submission is queued on the device until the server has it. Its input is then also offered as a draft if the
   * step is cleared. False if the step has `confirm` or is sensitive.
   */
  readonly queued: boolean;
}

export type Steps = Record<string, Step>;

/**
 * Describes one step of a flow.
 *
 * @example
 * step({ input: z.object({ cents: z.int().positive() }), output: z.object({ feeCents: z.int() }) })
 */
export function step<
  Input extends z.ZodType<Fields>,
  Output extends z.ZodType<Json> | undefined = undefined,
  const DependsOn extends string = never,
  const Sensitive extends boolean = false,
>(options: StepOptions<Input, Output, DependsOn, Sensitive>): Step<Input, Output, NoInfer<DependsOn>, Sensitive> {
  const { dependsOn = [], confirm = false, sensitive = false } = options;
  // The type parameters of an option that is left out have their defaults.
  return { ...options, dependsOn, confirm, sensitive, queued: !confirm && !sensitive } as Step<
    Input,
    Output,
    NoInfer<DependsOn>,
    Sensitive
  >;
}
