import { fieldValues, parse, sameJson, type AnyFlow, type Json, type Snapshot } from "@sessions/core";
import type { Fields } from "./drafts.ts";
import type { ShelvedChange } from "./record.ts";
import type { FieldConflict } from "./state.ts";

/**
 * What stands in a step: what was submitted; for a draft that was kept aside, what is typed there since, on top. Null for
 * nothing.
 */
export function standing({ kind, step }: ShelvedChange, snapshot: Snapshot | null): Fields | null {
  const data = (snapshot?.data[step ?? ""] ?? null) as Fields | null;
  const typed = kind === "draft" ? snapshot?.drafts[step ?? ""] : undefined;
  return typed ? { ...data, ...fieldValues(typed) } : data;
}

/** The fields in which a change that was shelved for a conflict and what stands differ: of a draft, among those it names. */
export function differing(
  flow: AnyFlow,
  entry: ShelvedChange,
  snapshot: Snapshot | null,
): Record<string, FieldConflict> {
  const { kind, step, base, mine } = entry;
  const given = (kind === "submit" ? asItWouldStand(flow, step!, mine) : mine) as Fields;
  const [before, theirs] = [base as Fields | null, standing(entry, snapshot)];
  const names = Object.keys({ ...given, ...(kind === "draft" ? {} : theirs) });
  return Object.fromEntries(
    names
      .filter((field) => !sameJson(given[field], theirs?.[field]))
      .map((field) => [field, { base: before?.[field], mine: given[field], theirs: theirs?.[field] }]),
  );
}

/** A schema may change what is submitted. */
function asItWouldStand(flow: AnyFlow, step: string, input: Json): Json {
  // A page of another version may not know the step.
  if (!Object.hasOwn(flow.steps, step)) return input;
  try {
    const parsed = parse(flow.steps[step], step, input);
    return parsed.ok ? parsed.value : input;
  } catch {
    // The flow's own code threw.
    return input;
  }
}
