import { fieldValues, parse, sameJson, submittedInput, type AnyFlow, type Json, type Snapshot } from "@sessions/core";
import type { Fields } from "./drafts.ts";
import type { ShelvedChange } from "./record.ts";

/** One field as it was, as it was changed here, and as it stands on the server; undefined where it is missing. */
export interface FieldConflict<Mine = Json, Theirs = Json> {
  readonly base: Theirs | undefined;
  readonly mine: Mine | undefined;
  readonly theirs: Theirs | undefined;
}

/**
/** What a conflict is looked at with. */
type Standing = Pick<Snapshot, "data" | "inputs" | "drafts">;

/**
 * What stands in a step as it was typed: what was submitted; for a draft that was kept aside, what is typed there since,
 * on top. Null for nothing.
 */
export function shownFields({ kind, step }: ShelvedChange, snapshot: Standing | null): Fields | null {
  if (snapshot === null || step === null) return null;
  const submitted = (submittedInput(snapshot, step) ?? null) as Fields | null;
  const typed = kind === "draft" ? snapshot.drafts[step] : undefined;
  return typed ? { ...submitted, ...fieldValues(typed) } : submitted;
}

/**
 * The fields in which a change that was shelved for a conflict and what stands differ, as both were typed: of a draft,
 * among those it names. What the step's schema makes the same value of does not differ.
 */
export function differing(
  flow: AnyFlow,
  entry: ShelvedChange,
  snapshot: Standing | null,
): Record<string, FieldConflict> {
  const { kind, step, base, mine } = entry;
  if (step === null) return {};
  const given = mine as Fields;
  const before = base as Fields | null;
  const theirs = shownFields(entry, snapshot);
  const stands = theirs === null ? undefined : asItWouldStand(flow, step, theirs);
  const meant = asItWouldStand(flow, step, kind === "draft" ? { ...theirs, ...given } : mine);
  if (meant !== undefined && sameJson(meant, stands)) return {};
  const isSame = (field: string) =>
    sameJson(given[field], theirs?.[field]) ||
    (has(meant, field) && has(stands, field) && sameJson(meant[field], stands[field]));
  const names = Object.keys({ ...given, ...(kind === "draft" ? {} : theirs) });
  return Object.fromEntries(
    names
      .filter((field) => !isSame(field))
      .map((field) => [field, { base: before?.[field], mine: given[field], theirs: theirs?.[field] }]),
  );
}

function has(value: Json | undefined, field: string): value is { readonly [field: string]: Json } {
  return typeof value === "object" && value !== null && Object.hasOwn(value, field);
}

/** What the schema makes of it; undefined when it would be refused. */
function asItWouldStand(flow: AnyFlow, step: string, input: Json): Json | undefined {
  // A page of another version may not know the step.
  if (!Object.hasOwn(flow.steps, step)) return undefined;
  try {
    const parsed = parse(flow.steps[step], step, input);
    return parsed.ok ? parsed.value : undefined;
  } catch {
    // The flow's own code threw.
    return undefined;
  }
}
