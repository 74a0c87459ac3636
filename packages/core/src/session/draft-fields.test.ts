import { expect, test } from "vitest";
import { z } from "zod";
import { commandSchema, type DraftCommand } from "../protocol/command.ts";
import { fieldValues } from "./drafts.ts";
import { MAX_INPUT_LENGTH, type Json } from "../json.ts";
import { advance } from "./advance.ts";
import { nextStamp } from "../protocol/stamp.ts";
import { type Step } from "../flow/step.ts";
import { accepted } from "../testing/accepted.ts";
import { devices, START_MS } from "../testing/commands.ts";
import { begun, draft, draftOf, flow, given, merged, oneStep, submissionOf } from "../testing/drafted-session.ts";

const [phone] = devices;

test("a draft may be invalid, and for a step that is not reached yet", () => {
  const at = nextStamp(phone.id, START_MS);
  expect(merged(begun, draft({ sure: { value: "perhaps", at } }, "last")).drafts["last"]).toEqual({
    sure: { value: "perhaps", at },
  });
});

test("a draft of a field that the step lacks is refused, and the field is named, not what was typed", () => {
  const at = nextStamp(phone.id, START_MS);
  const result = advance(flow, begun, draft({ x: { value: "fine", at }, nmae: { value: "4111 1111", at } }), given);
  const issues = [{ path: ["nmae"], message: "The step has no such field." }];
  expect(result).toEqual({ accepted: false, refusal: { code: "invalid_input", step: "first", issues } });
});

test("drafts of one step that are too large together are refused", () => {
  const at = nextStamp(phone.id, START_MS);
  const half = merged(begun, draft({ x: { value: "x".repeat(MAX_INPUT_LENGTH / 2), at } }));
  expect(advance(flow, half, draft({ y: { value: "y".repeat(MAX_INPUT_LENGTH / 2), at } }), given)).toEqual({
    accepted: false,
    refusal: { code: "too_large", atMost: MAX_INPUT_LENGTH },
  });
});

test("a draft's size is what was typed: what can be submitted can be drafted, and the other way round", () => {
  const judge = oneStep(z.record(z.string(), z.string()));
  const answers = (many: number, answer: string) =>
    Object.fromEntries(Array.from({ length: many }, (_, index) => [`q${index}`, answer]));
  for (const fine of [answers(1_000, "yes"), answers(5_000, "yes"), answers(1, "x".repeat(MAX_INPUT_LENGTH - 20))]) {
    expect(accepted(judge(draftOf(fine))).drafts["first"]).toHaveProperty(Object.keys(fine)[0]!);
    expect(judge(submissionOf(fine)).accepted).toBe(true);
  }
  const refusal = { code: "too_large", atMost: MAX_INPUT_LENGTH };
  for (const much of [
    answers(8_000, "yes"),
    answers(1, "x".repeat(MAX_INPUT_LENGTH)),
    { ["x".repeat(MAX_INPUT_LENGTH)]: "" },
  ]) {
    expect(judge(draftOf(much))).toEqual({ accepted: false, refusal });
    expect(judge(submissionOf(much))).toEqual({ accepted: false, refusal });
  }
  // Emptied fields take room too.
  const at = nextStamp(phone.id, START_MS);
  const emptied = Object.fromEntries(Object.keys(answers(10_000, "")).map((field) => [field, { at }]));
  expect(judge(draft(emptied))).toEqual({ accepted: false, refusal });
});

const open = z.record(z.string(), z.json());

test.for<[string, boolean]>([
  ["constructor", true],
  ["toString", true],
  ["hasOwnProperty", true],
  ["valueOf", true],
  ["length", true],
  ["then", true],
  ["0", true],
  ["prototype", true],
  ["a.b", true],
  ["a[0]", true],
  ["日本語", true],
  ["🦊", true],
  ["", true],
  ["x".repeat(100), true],
  ["x".repeat(101), true],
  ["x".repeat(5_000), true],
  ["__proto__", false],
  ["a\0", false],
  ["\ud83e", false],
])(
  "a field's name is taken by the judge and by the wire, as a draft and as an input, or by none: %j (%s)",
  ([field, fine]) => {
    const judge = oneStep(open);
    const command = draftOf({ [field]: "v" });
    expect(judge(command).accepted).toBe(fine);
    expect(judge(submissionOf({ [field]: "v" })).accepted).toBe(fine);
    const wire = commandSchema.safeParse(command);
    expect(wire.success).toBe(fine);
    if (!wire.success) return;
    expect(wire.data).toEqual(command);
    const { drafts } = accepted(judge(wire.data as DraftCommand));
    expect(fieldValues(drafts["first"]!)).toEqual({ [field]: "v" });
  },
);

test.for<[string, Step["input"], Record<string, Json>, string[]]>([
  ["object", z.object({ a: z.string() }), { a: "x" }, ["b"]],
  ["strict object", z.strictObject({ a: z.string() }), { a: "x" }, ["b"]],
  ["loose object", z.looseObject({ a: z.string() }) as unknown as Step["input"], { a: "x", b: "y" }, []],
  ["catchall", z.object({ a: z.string() }).catchall(z.string()), { a: "x", b: "y" }, []],
  ["record", open, { a: "x", b: "y" }, []],
  ["union", z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]), { a: "x", b: "y" }, ["c"]],
  ["union with a record", z.union([z.object({ a: z.int() }), open]), { a: "x", c: "y" }, []],
  ["intersection", z.intersection(z.object({ a: z.string() }), z.object({ b: z.string() })), { a: "x", b: "y" }, ["c"]],
  ["object with a default", z.object({ a: z.string() }).default({ a: "" }), { a: "x" }, ["b"]],
  ["object that is made another", z.object({ a: z.string() }).transform(({ a }) => ({ b: a })), { a: "x" }, ["b"]],
  ["lazy", z.lazy(() => z.object({ a: z.string() })), { a: "x" }, ["b"]],
])("what a step's schema takes may be drafted, and what it lacks is named: %s", ([, input, fine, lacks]) => {
  const judge = oneStep(input);
  expect(fieldValues(accepted(judge(draftOf(fine))).drafts["first"]!)).toEqual(fine);
  for (const field of lacks) {
    const issues = [{ path: [field], message: "The step has no such field." }];
    expect(judge(draftOf({ ...fine, [field]: "z" }))).toMatchObject({ refusal: { code: "invalid_input", issues } });
  }
});

test("a value that is no JSON is named by its field", () => {
  const judge = oneStep(open);
  for (const [value, at] of [
    [Number.NaN, []],
    [{ deep: [1, new Date()] }, ["deep", 1]],
    ["\0", []],
  ] as [Json, string[]][]) {
    expect(judge(draftOf({ fine: 1, cents: value }))).toMatchObject({
      refusal: { issues: [{ path: ["cents", ...at] }] },
    });
  }
});

test("what is malformed is told once, however much of it there is", () => {
  const many = <T>(value: T) => Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`n${index}`, value]));
  for (const wrong of [
    { ...submissionOf({}), seen: many("not an id") },
    { ...submissionOf({}), seenDrafts: Array.from({ length: 20_000 }, () => "not a stamp") },
    { ...submissionOf({}), seenDrafts: Array.from({ length: 101 }, () => nextStamp(phone.id, START_MS)) },
    draft(many({ value: 1, at: "not a stamp" })),
  ]) {
    expect(commandSchema.safeParse(wrong).error?.issues).toHaveLength(1);
  }
});
