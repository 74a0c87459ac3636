import type { Json } from "./json.ts";

/** Whether a value has fields: an object that is no list. */
export function isFields(value: unknown): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The fields of an object that pass a test. */
export function pickFields<T>(
  fields: Readonly<Record<string, T>>,
  test: (field: string, value: T) => boolean,
): Record<string, T> {
  return Object.fromEntries(Object.entries(fields).filter(([field, value]) => test(field, value)));
}

/** Every field of an object, with another value. */
export function mapFields<T, U>(
  fields: Readonly<Record<string, T>>,
  map: (value: T, field: string) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, map(value, field)]));
}
