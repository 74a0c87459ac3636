import {
  draftFieldOf,
  mapFields,
  nextStamp,
  pickFields,
  sameJson,
  seenStamps,
  submittedInput,
  type Drafts,
  type Json,
  type Snapshot,
} from "@sessions/core/internal";

type Fields = Readonly<Record<string, Json | undefined>>;

/**
 * The fields of a draft that a service types into a step: those that the step does not show already, each with a stamp that
 * is newer than all stamps of the step. `nowMs`: milliseconds since 1970.
 */
export function typedFields(
  session: Snapshot | null,
  step: string,
  fields: Fields,
  device: string,
  nowMs: number,
): Drafts[string] {
  const drafts = session?.drafts[step] ?? {};
  const submitted = ((session && submittedInput(session, step)) ?? {}) as Fields;
  const draftOf = (field: string) => (Object.hasOwn(drafts, field) ? drafts[field] : undefined);
  const shown = (field: string) => {
    const draft = draftOf(field);
    return draft ? draft.value : Object.hasOwn(submitted, field) ? submitted[field] : undefined;
  };
  const stamps = [...Object.values(drafts).map(({ at }) => at), ...(session?.submissions[step]?.seenDrafts ?? [])];
  const at = nextStamp(device, nowMs, stamps.toSorted().at(-1));
  const changed = pickFields(fields, (field, value) => !sameJson(value, shown(field)));
  return mapFields(changed, (value, field) => draftFieldOf(value, at, seenStamps(draftOf(field), device)));
}
