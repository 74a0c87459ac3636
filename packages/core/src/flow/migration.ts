import type { z } from "zod";
import type { Json } from "../json.ts";
import type { FieldNames, Steps } from "./step.ts";

/** A step's fields in an earlier version. They may be a draft: each field may be missing or hold any JSON. */
export type OldFields = { readonly [field: string]: Json | undefined };

/** Makes a step's fields from those of the version before. Must be pure: it runs on data, drafts and queued submissions. */
type Rewrite<Fields> = (old: OldFields) => Fields;

interface Moved<To, Fields> {
  /** The step's name in the next version. Default: it keeps its name. */
  readonly to?: To;
  /** Default: the fields stay as they are. */
  readonly fields?: Rewrite<Fields>;
  /** The person must submit the step again: its input becomes its draft, and steps that depend on it are cleared. */
  readonly again?: boolean;
}

/** How one step changes in the next version. Null removes the step and its data. */
export type StepMigration = null | Rewrite<OldFields> | Moved<string, OldFields>;

/** How each version's steps change in the next version. A step that is not named stays the same. */
export type Migrations = { readonly [from: number]: { readonly [step: string]: StepMigration } };

type FieldsOf<AllSteps extends Steps, Name> = Name extends keyof AllSteps
  ? { readonly [Field in FieldNames<z.input<AllSteps[Name]["input"]>>]?: Json | undefined }
  : OldFields;
type MigrationOf<AllSteps extends Steps, Name> =
  | null
  | Rewrite<FieldsOf<AllSteps, Name>>
  | Moved<undefined, FieldsOf<AllSteps, Name>>
  | { [To in keyof AllSteps]: Moved<To, FieldsOf<AllSteps, To>> & { readonly to: To } }[keyof AllSteps];

/** The literal number before a small literal number. */
type Before<Version extends number, Count extends readonly unknown[] = []> = [
  ...Count,
  unknown,
]["length"] extends Version
  ? Count["length"]
  : Count["length"] extends 300
    ? never
    : Before<Version, [...Count, unknown]>;

/** The migrations of a flow. The types check those into its own version against its steps. `Given` is inferred. */
export type MigrationsInto<Version extends number, AllSteps extends Steps, Given> = {
  readonly [From in keyof Given]: {
    readonly [Name in keyof Given[From]]: `${From & (string | number)}` extends `${Before<Version>}`
      ? MigrationOf<AllSteps, Name>
      : StepMigration;
  };
};
