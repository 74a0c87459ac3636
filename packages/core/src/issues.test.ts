import fc from "fast-check";
import { expect, test } from "vitest";
import { boundedIssues, MAX_ISSUES } from "./issues.ts";
import { toStorableJson } from "./json.ts";

const issue = fc.record({
  path: fc.array(fc.oneof(fc.string({ unit: "binary", maxLength: 1_000 }), fc.nat())),
  message: fc.string({ unit: "binary", maxLength: 1_000 }),
});

test("S25: so many issues are told, each of a bounded length, and none is left uncounted", () => {
  fc.assert(
    fc.property(fc.array(issue, { maxLength: 60 }), fc.nat(5), (found, others) => {
      const { issues, more = 0 } = boundedIssues(found, others);
      expect(issues.length + more).toBe(found.length + others);
      expect(issues.length).toBeLessThanOrEqual(MAX_ISSUES);
      for (const [index, { path, message }] of issues.entries()) {
        for (const text of [message, ...path.map(String)]) {
          expect(text.length).toBeLessThanOrEqual(200);
          expect(text.isWellFormed()).toBe(true);
        }
        if (found[index]!.message.length <= 200) expect(message).toBe(found[index]!.message);
      }
    }),
  );
});

test("S25: of a long path the beginning is told", () => {
  const path = Array.from({ length: 30 }, (_, at) => (at % 2 === 0 ? "k".repeat(150) : at));
  const [issue] = boundedIssues([{ path, message: "No." }]).issues;
  expect(issue!.path).toEqual(path.slice(0, issue!.path.length));
  expect(issue!.path.join("").length).toBeLessThanOrEqual(1_000);
  expect(issue!.path.length).toBeGreaterThan(10);
});

test("S25: what cannot be kept is looked through once, and its issues are counted", () => {
  expect(toStorableJson(Array.from({ length: 10_000 }, () => "\0"))).toMatchObject({
    ok: false,
    issues: Array.from({ length: MAX_ISSUES }, (_, index) => ({ path: [index] })),
    more: 10_000 - MAX_ISSUES,
  });
});
