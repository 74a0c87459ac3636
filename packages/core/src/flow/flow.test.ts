import { expect, test } from "vitest";
import { z } from "zod";
import { durationMs } from "../duration.ts";
import { SessionsError } from "../error.ts";
import { defineFlow, fieldTest } from "./flow.ts";
import type { Json } from "../json.ts";
import { progressOf } from "../session/progress.ts";
import { step, type Step } from "./step.ts";

const input = z.object({ n: z.int() });
const steps = { a: step({ input }), b: step({ input }), c: step({ input }) };

/** Defines a flow with options that have no types. */
function defining(options: object): () => unknown {
  return () => defineFlow({ name: "flow", version: 1, steps, ...options });
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SessionsError) return error.code;
    throw error;
  }
  return "none";
}

test.each([
  ["an empty name", { name: "" }],
  ["a name with a space", { name: "my flow" }],
  ["a name that is too long", { name: "f".repeat(101) }],
  ["version 0", { version: 0 }],
  ["a fraction of a version", { version: 1.5 }],
  ["no steps", { steps: {} }],
  ["a step name with a dot", { steps: { "a.b": step({ input }) } }],
  ["a step that every object inherits", { steps: { constructor: step({ input }) } }],
  ["a dependency on no step of the flow", { steps: { a: step({ input, dependsOn: ["z"] }) } }],
  ["a step that depends on itself", { steps: { a: step({ input, dependsOn: ["a"] }) } }],
  [
    "steps that depend on each other in a circle",
    {
      steps: {
        a: step({ input, dependsOn: ["c"] }),
        b: step({ input, dependsOn: ["a"] }),
        c: step({ input, dependsOn: ["b"] }),
      },
    },
  ],
  ["an idle deadline without a unit", { expires: { idle: "72" } }],
  ["an absolute deadline of nothing", { expires: { absolute: "0d" } }],
])("a flow with %s is refused where it is defined", (_, options) => {
  expect(codeOf(defining(options))).toBe("flow_invalid");
});

test("a definition that is fine is taken", () => {
  expect(
    codeOf(defining({ name: "money-transfer_2", version: 1_000_000, expires: { idle: "1m", absolute: "999999d" } })),
  ).toBe("none");
});

test.each([
  [
    "throws",
    () => {
      throw new TypeError("oops");
    },
  ],
  ["returns nothing", () => undefined],
  ["returns no step", () => []],
  ["returns a step twice", () => ["a", "b", "a"]],
  ["returns a step that the flow lacks", () => ["a", "toString"]],
])("a path function that %s is a fault of its own code", (_, path) => {
  const flow = defineFlow({ name: "flow", version: 1, steps, path: path as () => ["a"] });
  expect(codeOf(() => flow.pathOf({}))).toBe("path_invalid");
});

test("progress names the current step, the open ones and the position on the path", () => {
  const flow = defineFlow({
    name: "flow",
    version: 1,
    steps,
    path: ({ a }) => (a?.n === 0 ? ["a", "c"] : ["a", "b", "c"]),
  });
  expect(progressOf(flow, {})).toEqual({ path: ["a", "b", "c"], current: "a", open: ["a"], position: 1, total: 3 });
  expect(progressOf(flow, { a: { n: 0 } })).toEqual({
    path: ["a", "c"],
    current: "c",
    open: ["a", "c"],
    position: 2,
    total: 2,
  });
  expect(progressOf(flow, { a: { n: 0 }, c: { n: 1 } })).toEqual({
    path: ["a", "c"],
    current: null,
    open: ["a", "c"],
    position: 2,
    total: 2,
  });
});

test("a gap on the path closes the steps behind it", () => {
  const flow = defineFlow({ name: "flow", version: 1, steps });
  expect(progressOf(flow, { a: { n: 1 }, c: { n: 1 } })).toMatchObject({ current: "b", open: ["a", "b"], position: 2 });
});

test("a duration is a whole number of minutes, hours or days", () => {
  expect([durationMs("30m"), durationMs("72h"), durationMs("30d")]).toEqual([1_800_000, 259_200_000, 2_592_000_000]);
  for (const wrong of ["", "5", "1.5h", "-1h", "0m", "01h", "1 h", "1h30m", "1000000d", "1w"]) {
    expect(durationMs(wrong)).toBeUndefined();
  }
});

test("the fields of an object schema are known, and those of other schemas are not", () => {
  const names = ["n", "m", "constructor"];
  expect(names.filter(fieldTest(steps.a))).toEqual(["n"]);
  expect(names.filter(fieldTest(step({ input: z.record(z.string(), z.string()) })))).toEqual(names);
});

test.for<[string, z.ZodType, string]>([
  ["a date", z.object({ when: z.date() }), "date is none \\(when\\).*z.iso.datetime"],
  ["a date that may be left out", z.object({ a: z.string(), when: z.date().optional() }), "date"],
  ["a date that text becomes", z.object({ when: z.coerce.date() }), "date is none \\(when\\)"],
  [
    "a codec of a date",
    z.object({ when: z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: String }) }),
    "date",
  ],
  [
    "a date deep within",
    z.object({ lines: z.array(z.object({ at: z.date().nullable() })) }),
    "\\(lines\\.\\[\\]\\.at\\)",
  ],
  ["a date among further fields", z.object({ a: z.string() }).catchall(z.date()), "date is none \\(\\[\\]\\)"],
  ["a date among further items", z.object({ t: z.tuple([z.string()], z.date()) }), "date is none \\(t\\.\\[\\]\\)"],
  ["a bigint", z.object({ n: z.bigint() }), "bigint is none \\(n\\)\\.$"],
  ["no number", z.object({ n: z.nan() }), "nan"],
  ["a map", z.object({ m: z.map(z.string(), z.string()) }), "map"],
  ["a set", z.record(z.string(), z.set(z.string())), "set"],
])("a step that holds %s is no JSON, and says where", ([, input, message]) => {
  const steps = { a: step({ input: input as Step["input"] }) };
  expect(() => defineFlow({ name: "dated", version: 1, steps })).toThrow(
    new RegExp(`^flow_invalid: .*JSON.*${message}`),
  );
});

test("what is JSON before and after is fine, whatever it is in between", () => {
  const text = z.coerce.date().transform((date) => date.toISOString());
  const tree: z.ZodType<Json> = z.lazy(() => z.array(tree));
  const input = z.object({ when: text, either: z.union([z.string(), z.date()]).pipe(z.string()), any: z.json(), tree });
  expect(() => defineFlow({ name: "dated", version: 1, steps: { a: step({ input }) } })).not.toThrow();
});
