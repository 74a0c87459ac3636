import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { boundedCheck } from "./bounded-check.ts";
import { boundedIssues } from "../issues.ts";
import type { Json } from "../json.ts";

const fields = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, z.string()]));
const times = (count: number, item: Json): Json => Array.from({ length: count }, () => item);

interface Tree {
  readonly children: readonly Tree[];
}
const tree: z.ZodType<Tree> = z.object({ children: z.array(z.lazy(() => tree)) });

const schemas: readonly (readonly [name: string, schema: z.ZodType])[] = [
  ["an object", z.object({ a: z.string().min(2).optional(), b: z.number().nullable() })],
  ["a strict object", z.strictObject({ a: z.string() })],
  ["rows", z.array(z.object({ a: z.string(), b: z.int().positive() }))],
  ["a union", z.array(z.union([z.string().max(1), z.literal(true), z.array(z.string()), z.object({ a: z.string() })]))],
  ["a discriminated union", z.discriminatedUnion("a", [z.object({ a: z.literal("x") }), z.object({ a: z.null() })])],
  ["a record", z.record(z.string().max(3), z.number())],
  ["an intersection", z.intersection(z.object({ a: z.string() }), z.looseObject({ b: z.json() }))],
  ["a tuple", z.tuple([z.string()], z.number())],
  ["a transform", z.array(z.string().trim().transform(Number).pipe(z.number()))],
  ["defaults", z.object({ a: z.string().default("x"), b: z.number().catch(1) })],
  ["a tree", tree],
  ["any JSON", z.json()],
];

test.for(schemas)("of %s, what zod finds is told and the rest counted", ([, schema]) => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 4 }),
    fc.array(fc.record({ a: fc.string({ maxLength: 3 }), b: fc.integer() }, { requiredKeys: [] }), { maxLength: 60 }),
    fc.record({ a: fc.constantFrom("x", "xy", null, 1), b: fc.constantFrom(1, null, "1") }, { requiredKeys: [] }),
  );
  fc.assert(
    fc.property(value, (given) => {
      const plain = schema.safeParse(given);
      const bounded = boundedCheck(schema, given);
      expect(bounded.success).toBe(plain.success);
      if (bounded.success || plain.success) expect(bounded).toEqual(plain);
      else expect(boundedIssues(bounded.error.issues, bounded.error.more)).toEqual(boundedIssues(plain.error.issues));
    }),
    { numRuns: 60 },
  );
});

const five = z.union([z.string(), z.literal(true), z.null(), z.object({ a: z.string() }), z.array(z.string())]);

test.for<readonly [name: string, schema: z.ZodType, value: Json]>([
  ["items of a union of five", z.array(five), times(21_000, 1)],
  ["items that lack a hundred fields", z.array(z.object(fields(100))), times(21_000, {})],
  ["items of five objects", z.array(z.union(Array.from({ length: 5 }, () => z.object(fields(20))))), times(21_000, {})],
  [
    "items that lack both sides",
    z.array(z.intersection(z.object(fields(50)), z.object(fields(50)))),
    times(21_000, {}),
  ],
  ["lists of lists", z.array(z.array(five)), times(200, times(100, 1))],
  ["records that lack every key", z.array(z.record(z.enum(Object.keys(fields(100))), z.string())), times(21_000, {})],
])("S25: of twenty-one thousand wrong %s, the first is found and told", ([, schema, value]) => {
  const before = process.cpuUsage();
  const checked = boundedCheck(z.object({ items: schema }), { items: value });
  expect(process.cpuUsage(before).user).toBeLessThan(250_000);
  expect(checked).toMatchObject({ success: false });
  const { issues } = (checked as Extract<typeof checked, { success: false }>).error;
  expect(issues.map(({ path }) => path[0])).toContain("items");
  expect(issues.at(-1)).toMatchObject({ path: [], message: expect.stringContaining("only what is wrong first") });
});

test("a large input that is right is parsed as any other, its transforms too", () => {
  const schema = z.object({ items: z.array(z.union([five, z.int().transform((n) => n + 1)])) });
  const checked = boundedCheck(schema, { items: times(5_000, 1) });
  expect(JSON.stringify(checked)).toBe(JSON.stringify({ success: true, data: { items: times(5_000, 2) } }));
});
