/** How many events of one name an activity session has. */
export interface CountCounter<Event extends string = string> {
  readonly kind: "count";
  readonly event: Event;
}

/** A counter over one field of the events of one name. */
export interface FieldCounter<
  Kind extends "distinct" | "sum" | "first" | "last" = "distinct" | "sum" | "first" | "last",
  Event extends string = string,
  Field extends string = string,
> {
  readonly kind: Kind;
  readonly event: Event;
  readonly field: Field;
}

export type Counter = CountCounter | FieldCounter;

/** Counts the events of this name. */
export function count<const Event extends string>(event: Event): CountCounter<Event> {
  return { kind: "count", event };
}

/**
 * Counts the different values of a field: texts, numbers or booleans. It counts up to 10,000 in one activity session; that
 * number then means "at least".
 */
export function distinct<const Event extends string, const Field extends string>(
  event: Event,
  field: Field,
): FieldCounter<"distinct", Event, Field> {
  return { kind: "distinct", event, field };
}

/** Adds the whole numbers in a field, such as cents. Fractions are refused: their sum would depend on their order. */
export function sum<const Event extends string, const Field extends string>(
  event: Event,
  field: Field,
): FieldCounter<"sum", Event, Field> {
  return { kind: "sum", event, field };
}

/** The value of a field in the earliest event that has one. */
export function first<const Event extends string, const Field extends string>(
  event: Event,
  field: Field,
): FieldCounter<"first", Event, Field> {
  return { kind: "first", event, field };
}

/** The value of a field in the latest event that has one. */
export function last<const Event extends string, const Field extends string>(
  event: Event,
  field: Field,
): FieldCounter<"last", Event, Field> {
  return { kind: "last", event, field };
}
