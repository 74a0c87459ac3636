import type { z } from "zod";
import type { Json } from "../json.ts";

/** A JSON object: what a step's input is made of, so that drafts can be kept field by field. */
export type Fields = { readonly [field: string]: Json | undefined };

/** The names that any member of a union has. */
export type FieldNames<T> = unknown extends T ? string : T extends unknown ? Extract<keyof T, string> : never;

export interface StepOptions<
  Input extends z.ZodType<Fields>,
  Output extends z.ZodType<Json> | undefined,
  DependsOn extends string,
  Sensitive extends boolean,
> {
  /** What a person submits. Synchronous, and its parsed value is plain JSON. */
  readonly input: Input;
  /** What the server computes from the input for the person to see. Needs a step handler on the server. */
  readonly output?: Output;
  /** Steps whose change clears this one, and which must be as the person saw them when this one is submitted. */
  readonly dependsOn?: readonly DependsOn[];
  /** An irreversible step: it is never queued offline and never sent again without the person. Default false. */
  readonly confirm?: boolean;
  /**
   * What is entered stays secret: never on the browser's disk, no draft, and not sent back, so that a session shows
   * `null` for it. It is sent while the person waits, as a step that confirms is, and a path cannot depend on it.
   * Default false.
   */
  readonly sensitive?: Sensitive;
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
  /**
   * Whether what is submitted waits on the device until the server has it, and is offered again where it is cleared: not
   * if the step confirms or is sensitive.
   */
  readonly kept: boolean;
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
  const { confirm = false, sensitive = false } = options;
  return {
    input: options.input,
    output: options.output as Output,
    dependsOn: options.dependsOn ?? [],
    confirm,
    // Left out, it is what its type says by default.
    sensitive: sensitive as Sensitive,
    kept: !confirm && !sensitive,
  };
}
