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

type FieldsOf<S extends Steps, K> = K extends keyof S
  ? { readonly [Field in FieldNames<z.input<S[K]["input"]>>]?: Json | undefined }
  : OldFields;
type MigrationOf<S extends Steps, K> =
  | null
  | Rewrite<FieldsOf<S, K>>
  | Moved<undefined, FieldsOf<S, K>>
  | { [To in keyof S]: Moved<To, FieldsOf<S, To>> & { readonly to: To } }[keyof S];

/** The literal number before a small literal number. */
type Before<V extends number, Count extends readonly unknown[] = []> = [...Count, unknown]["length"] extends V
  ? Count["length"]
  : Count["length"] extends 300
    ? never
    : Before<V, [...Count, unknown]>;

/** The migrations of a flow. The types check those into its own version against its steps. `M` is inferred. */
export type MigrationsInto<V extends number, S extends Steps, M> = {
  readonly [From in keyof M]: {
    readonly [K in keyof M[From]]: `${From & (string | number)}` extends `${Before<V>}`
      ? MigrationOf<S, K>
      : StepMigration;
  };
};
