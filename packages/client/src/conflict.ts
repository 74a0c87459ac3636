import { parse, sameJson, type AnyFlow, type Json, type Snapshot } from "@sessions/core";
import type { Fields } from "./drafts.ts";
import type { ShelvedChange } from "./record.ts";
import type { FieldConflict } from "./state.ts";

/** The fields in which a change that was shelved for a conflict and what stands differ: of a draft, among those it names. */
export function differing(
  flow: AnyFlow,
  { kind, step, base, mine }: ShelvedChange,
  data: Snapshot["data"],
): Record<string, FieldConflict> {
  const given = (kind === "submit" ? asItWouldStand(flow, step!, mine) : mine) as Fields;
  const [before, theirs] = [base as Fields | null, data[step ?? ""] as Fields | null | undefined];
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
