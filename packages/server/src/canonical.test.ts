import canonicalize from "canonicalize";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Json } from "@sessions/core";
import { canonical } from "./canonical.ts";

test("canonical text is that of the standard's reference, for any JSON value", () => {
  const text = fc.string({ unit: "grapheme" });
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "grapheme" }), fc.dictionary(text, text), (value, entries) => {
      const both = [value, { ...entries, value }] as Json;
      expect(canonical(both)).toBe(canonicalize(both));
    }),
  );
});

test("keys are sorted, control characters escaped and undefined fields left out", () => {
  expect(canonical({ b: [1, -0, 1e21], 10: '\u0001"\\\u007f', 9: undefined, a: null, "€": true })).toBe(
    '{"10":"\\u0001\\"\\\\\u007f","a":null,"b":[1,0,1e+21],"€":true}',
  );
});
