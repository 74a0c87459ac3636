import type { z } from "zod";
import type { Json } from "../json.ts";
import type { AnyFlow, StepNameIn } from "./flow.ts";
import type { FieldNames } from "./step.ts";

/** The names of a flow's steps. */
export type StepsOf<Flow extends AnyFlow> = StepNameIn<Flow["steps"]>;
/** The input that `submit` takes for a step: the schema's input. */
export type InputOf<Flow extends AnyFlow, StepName extends StepsOf<Flow>> = z.input<Flow["steps"][StepName]["input"]>;
/** A step's submitted data: the schema's parsed value. */
export type DataOf<Flow extends AnyFlow, StepName extends StepsOf<Flow>> = z.output<Flow["steps"][StepName]["input"]>;
/** Whether an optional schema is given; true for `AnyFlow`. Without `strictNullChecks` a missing one extends everything. */
export type IsGiven<Schema> = [Schema] extends [undefined] ? (0 extends 1 & Schema ? true : false) : true;
/** The output that the server computed for a step. */
export type OutputOf<Flow extends AnyFlow, StepName extends StepsOf<Flow>> =
  IsGiven<Flow["steps"][StepName]["output"]> extends true ? z.output<Flow["steps"][StepName]["output"]> : never;
/** The data submitted so far, by step. */
export type Data<Flow extends AnyFlow> = { readonly [StepName in StepsOf<Flow>]?: DataOf<Flow, StepName> };
/** The data submitted so far, as devices see it: null for a sensitive step. */
export type VisibleData<Flow extends AnyFlow> = {
  readonly [StepName in StepsOf<Flow>]?: Flow["steps"][StepName]["sensitive"] extends true
    ? null
    : DataOf<Flow, StepName>;
};
/** The inputs submitted so far, as devices see them: as they were typed, so a form can show them. */
export type VisibleInputs<Flow extends AnyFlow> = {
  readonly [StepName in StepsOf<Flow>]?: Flow["steps"][StepName]["sensitive"] extends true
    ? null
    : InputOf<Flow, StepName>;
};
/** The data of a completed session: it has every step that is on all paths, and perhaps others. */
export type CompleteData<Flow extends AnyFlow> = {
  readonly [StepName in Extract<StepsOf<Flow>, NonNullable<Flow["always"]>>]: DataOf<Flow, StepName>;
} & { readonly [StepName in Exclude<StepsOf<Flow>, NonNullable<Flow["always"]>>]?: DataOf<Flow, StepName> };
/** The steps for which the server computes an output. */
export type StepsWithOutput<Flow extends AnyFlow> = {
  [StepName in StepsOf<Flow>]: IsGiven<Flow["steps"][StepName]["output"]> extends true ? StepName : never;
}[StepsOf<Flow>];
/** The outputs that the server has computed so far, by step. */
export type Outputs<Flow extends AnyFlow> = { readonly [StepName in StepsWithOutput<Flow>]?: OutputOf<Flow, StepName> };
/** The outputs of a completed session: of every step with an output that is on all paths, and perhaps of others. */
export type CompleteOutputs<Flow extends AnyFlow> = {
  readonly [StepName in Extract<StepsWithOutput<Flow>, NonNullable<Flow["always"]>>]: OutputOf<Flow, StepName>;
} & { readonly [StepName in Exclude<StepsWithOutput<Flow>, NonNullable<Flow["always"]>>]?: OutputOf<Flow, StepName> };
/** A step's fields as typed so far: any JSON, valid or not, `undefined` for an emptied field. A sensitive step has none. */
// The type is taken from an object, so that an error shows the fields and not the whole flow.
export type DraftOf<Flow extends AnyFlow, StepName extends StepsOf<Flow>> = {
  readonly [Step in StepName]: {
    readonly [Field in FieldNames<InputOf<Flow, Step>>]?: Flow["steps"][Step]["sensitive"] extends true
      ? never
      : Json | undefined;
  };
}[StepName];
/** A value while a person types it: the value, or text, or nothing. An object or a list may have only some of its parts. */
export type PartialInput<T> = unknown extends T
  ? Json
  : T extends readonly (infer Item)[]
    ? readonly PartialInput<Item>[] | string | null
    : T extends object
      ? { readonly [Name in keyof T]?: PartialInput<T[Name]> } | string | null
      : T | string | null;
/** The values that the form of a step shows, by field: the draft, else the submitted input. A sensitive step has none. */
export type FormValuesOf<Flow extends AnyFlow, StepName extends StepsOf<Flow>> = {
  readonly [Step in StepName]: {
    readonly [Field in FieldNames<InputOf<Flow, Step>>]?:
      | (Flow["steps"][Step]["sensitive"] extends true ? never : PartialInput<FieldOf<InputOf<Flow, Step>, Field>>)
      | undefined;
  };
}[StepName];
type FieldOf<T, Field extends string> = unknown extends T
  ? unknown
  : T extends { readonly [Name in Field]?: infer Value }
    ? Value
    : never;
/** The names of a step's fields and of the values within them, joined by dots: `"lines.0.amount"`. */
export type FieldPathsOf<Flow extends AnyFlow, StepName extends StepsOf<Flow>> = PathsIn<InputOf<Flow, StepName>>;
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
export type ResultOf<Flow extends AnyFlow> = IsGiven<Flow["result"]> extends true ? z.output<Flow["result"]> : null;
