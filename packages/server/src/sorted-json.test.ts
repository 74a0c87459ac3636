import fc from "fast-check";
import { expect, test } from "vitest";
import { sameJson, type Json } from "@sessions/core/internal";
import { sortedJson } from "./sorted-json.ts";

/** The same value with the keys of all objects the other way round. */
function reversed(value: Json | undefined): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(reversed);
  if (typeof value !== "object" || value === null) return value ?? null;
  const entries = Object.entries(value).toReversed();
  return Object.fromEntries(entries.map(([key, part]) => [key, reversed(part)]));
}

// `JSON.parse` gives what a client sends: no -0, and no key that is a prototype.
const values = fc.json({ noUnicodeString: false }).map((text) => JSON.parse(text) as Json);

test("S2: the order of keys does not change the text of a value", () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(sortedJson(reversed(value))).toBe(sortedJson(value));
    }),
  );
});

test("S2: two values have the same text if they are the same value", () => {
  fc.assert(
    fc.property(values, values, (left, right) => {
      expect(sortedJson(left) === sortedJson(right)).toBe(sameJson(left, right));
    }),
  );
  expect(sortedJson({ a: { b: 1, c: [2, null] } })).not.toBe(sortedJson({ a: { b: 1, c: [null, 2] } }));
});
