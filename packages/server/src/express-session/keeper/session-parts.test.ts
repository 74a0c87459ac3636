import fc from "fast-check";
import { expect, test } from "vitest";
import { areEqual, isEqual, merge, partsOf, textOf } from "./session-parts.ts";

const parts = (session: object) => partsOf(session)!;
const session = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "__proto__"), fc.jsonValue());

test("a session is written as it was, in the order of its keys", () => {
  const text = '{"z":1,"cookie":{"path":"/"},"a":{"\\u0000":"\\ud800"},"__proto__":{"b":null}}';
  expect(textOf(parts(JSON.parse(text) as object))).toBe(text);
});

test("changes of different keys merge, and of one key the later stays", () => {
  const merged = merge(
    parts({ a: 1, b: 1, c: 1, e: 1 }),
    parts({ a: 2, c: 2, d: 2, e: 1 }),
    parts({ a: 1, b: 1, c: 3, f: 3 }),
  );
  expect(JSON.parse(textOf(merged))).toEqual({ a: 2, c: 2, d: 2, f: 3 });
});

test("without a change of the others, a merge writes the own session, and without an own change it keeps theirs", () => {
  fc.assert(
    fc.property(session, session, (one, other) => {
      const same = (left: object, right: object) => expect(areEqual(parts(left), parts(right))).toBe(true);
      same(JSON.parse(textOf(merge(parts(one), parts(other), parts(one)))) as object, other);
      same(JSON.parse(textOf(merge(parts(one), parts(one), parts(other)))) as object, other);
    }),
  );
});

test("the times of a cookie are no change, and any other of its members is", () => {
  const cookie = { originalMaxAge: 1_000, expires: "2026-01-01T00:00:00.000Z", path: "/" };
  const isSame = (other: object) => isEqual("cookie", parts({ cookie }), parts({ cookie: other }));
  expect(isSame({ ...cookie, expires: "2027-01-01T00:00:00.000Z" })).toBe(true);
  expect(isSame({ ...cookie, expires: null })).toBe(false);
  expect(isSame({ ...cookie, originalMaxAge: 2_000 })).toBe(false);
});

test("an array or a text has no parts", () => {
  expect([[], "text", null].map(partsOf)).toEqual([undefined, undefined, undefined]);
});
