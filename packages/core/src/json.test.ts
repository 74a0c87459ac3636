import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_DEPTH, MAX_INPUT_LENGTH, sameJson, toStorableJson, type Json } from "./json.ts";

const issuesOf = (value: unknown) => {
  const result = toStorableJson(value);
  return result.ok || result.tooLarge ? result : result.issues;
};
const nested = (depth: number): unknown => (depth === 0 ? 1 : { in: nested(depth - 1) });

test("any value is stored as the JSON that it is, or refused", () => {
  const anything = fc.anything({
    withNullPrototype: true,
    withSparseArray: true,
    withDate: true,
    withMap: true,
    withBigInt: true,
  });
  fc.assert(
    fc.property(anything, (value) => {
      const result = toStorableJson(value);
      if (!result.ok) return;
      expect(JSON.parse(JSON.stringify(result.value))).toEqual(JSON.parse(JSON.stringify(value)));
      expect(toStorableJson(result.value)).toEqual(result);
    }),
    { numRuns: 2000 },
  );
});

test("every JSON value that Postgres can keep is taken as it is", () => {
  const text = fc.string({ unit: "grapheme" }).filter((string) => !string.includes("\0"));
  const json = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom(null, true, false),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      text,
      fc.array(tie("value")),
      fc.dictionary(
        text.filter((key) => key !== "__proto__"),
        tie("value"),
      ),
    ),
  })).value;
  fc.assert(
    fc.property(json, (value) => {
      expect(toStorableJson(value)).toEqual({ ok: true, value });
    }),
  );
});

test.each([
  ["NUL in text", { a: ["fine", "a\0b"] }, ["a", 1]],
  ["NUL in a key", { "a\0b": 1 }, []],
  ["half of a surrogate pair in text", { a: "\ud800" }, ["a"]],
  ["half of a surrogate pair in a key", { "\udc00": 1 }, []],
  ["a __proto__ key", JSON.parse('{ "a": { "__proto__": { "admin": true } } }'), ["a"]],
  ["NaN", { a: Number.NaN }, ["a"]],
  ["infinity", [Number.NEGATIVE_INFINITY], [0]],
  ["a big integer", { a: 1n }, ["a"]],
  ["a date", { at: new Date(0) }, ["at"]],
  ["a map", new Map([["a", 1]]), []],
  ["a function", { toJSON: () => 1 }, ["toJSON"]],
  ["undefined in a list", [undefined], [0]],
  ["a hole in a list", Array(1), [0]],
  ["nothing", undefined, []],
])("%s is refused, and the issue says where without the value", (_, value, path) => {
  expect(issuesOf(value)).toMatchObject([{ path }]);
});

test("undefined fields are dropped, at any depth", () => {
  expect(toStorableJson({ a: undefined, b: [{ c: undefined, d: 1 }] })).toEqual({ ok: true, value: { b: [{ d: 1 }] } });
});

test("a whole emoji is not taken for half of one", () => {
  expect(toStorableJson("😀")).toEqual({ ok: true, value: "😀" });
});

test("a value may be nested up to the limit and no deeper, even when it contains itself", () => {
  expect(toStorableJson(nested(MAX_DEPTH)).ok).toBe(true);
  expect(issuesOf(nested(MAX_DEPTH + 1))).toMatchObject([{ path: [], message: expect.stringContaining("32") }]);
  const round: { self?: unknown; twice?: unknown } = {};
  round.self = round;
  round.twice = round;
  expect(toStorableJson(round).ok).toBe(false);
});

test("a value that is too large is refused as that, whether its bulk is text, keys, numbers or items", () => {
  const tooLarge = { ok: false, tooLarge: true };
  expect(toStorableJson("x".repeat(MAX_INPUT_LENGTH - 10)).ok).toBe(true);
  expect(toStorableJson("x".repeat(MAX_INPUT_LENGTH))).toEqual(tooLarge);
  expect(toStorableJson({ ["k".repeat(MAX_INPUT_LENGTH)]: 1 })).toEqual(tooLarge);
  expect(toStorableJson(Array(Math.ceil(MAX_INPUT_LENGTH / 6)).fill(123_456))).toEqual(tooLarge);
  expect(toStorableJson(Array(MAX_INPUT_LENGTH + 1).fill(null))).toEqual(tooLarge);
});

test("sameJson knows equal values, whatever the order of their keys, and tells others apart", () => {
  const reordered = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reordered);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, item]) => [key, reordered(item)]),
    );
  };
  const value = fc.jsonValue().filter((json) => toStorableJson(json).ok) as fc.Arbitrary<Json>;
  fc.assert(
    fc.property(value, (json) => {
      expect(sameJson(json, reordered(json) as Json)).toBe(true);
      expect(sameJson(json, [json])).toBe(false);
      expect(sameJson({ json }, { other: json })).toBe(false);
      expect(sameJson({ json }, { json, more: 1 })).toBe(false);
    }),
  );
  expect(sameJson({ a: 1 }, { a: 1, b: undefined })).toBe(true);
  expect(sameJson({ a: undefined, b: 1 }, { b: 1, c: undefined })).toBe(true);
  expect(sameJson([], {})).toBe(false);
  expect(sameJson(null, undefined)).toBe(false);
});
