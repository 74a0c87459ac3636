import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { commandSchema, type DraftCommand, type SubmitCommand } from "../protocol/command.ts";
import { fieldValues } from "./drafts.ts";
import { defineFlow, type AnyFlow } from "../flow/flow.ts";
import { MAX_INPUT_LENGTH, storable, type Json } from "../json.ts";
import { advance, seenBy } from "./session.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { slotOf } from "../protocol/slot.ts";
import { MAX_CLOCK_LEAD_MS, nextStamp, type Stamp } from "../protocol/stamp.ts";
import { step, type Step } from "../flow/step.ts";
import { DAWN_MS, devices, idOf } from "../testing/walk.ts";

const text = z.string().min(3).optional();
const flow = defineFlow({
  name: "drafted",
  version: 1,
  steps: {
    first: step({ input: z.object({ x: text, y: text }) }),
    second: step({ input: z.object({ x: text, y: text }), dependsOn: ["first"] }),
    last: step({ input: z.object({ sure: z.literal(true) }), dependsOn: ["first", "second"], confirm: true }),
  },
});
const given = { nowMs: DAWN_MS, device: devices[0] };
const [phone, laptop] = devices;

const begun = accepted(
  advance(flow, null, { kind: "start", id: idOf(1), session: idOf(0), flow: "drafted", version: 1 }, given),
);

function accepted(result: ReturnType<typeof advance>): Snapshot {
  if (!result.accepted) throw new Error(result.refusal.code);
  return result.session;
}

const draft = (fields: DraftCommand["fields"], name = "first"): DraftCommand => {
  return { kind: "draft", id: idOf(2), session: idOf(0), version: 1, step: name, fields };
};

function merged(session: Snapshot, ...commands: DraftCommand[]): Snapshot {
  return commands.reduce((before, command) => accepted(advance(flow, before, command, given)), session);
}

function submitted(session: Snapshot, name: string, input: Json, nowMs = DAWN_MS, by: AnyFlow = flow): Snapshot {
  const seen = seenBy(by, session, name);
  const command = {
    kind: "submit",
    id: idOf(nowMs - DAWN_MS + 100),
    session: session.id,
    version: 1,
    step: name,
    input,
    seen,
  } as const;
  return accepted(advance(by, session, command, { ...given, nowMs }));
}

const value = fc.jsonValue().filter((typed) => storable(typed).ok) as fc.Arbitrary<Json>;
const typedOrEmptied = fc.option(value, { nil: undefined, freq: 3 });

/** Edits as devices make them: no stamp is issued twice, so one stamp never stands for two values. */
const drafts = fc
  .array(
    fc.record({
      step: fc.constantFrom("first", "second", "last"),
      fields: fc.record({ x: typedOrEmptied, y: typedOrEmptied, sure: value }, { requiredKeys: [] }),
      device: fc.constantFrom(...devices),
      agoMs: fc.integer({ min: -MAX_CLOCK_LEAD_MS / 2, max: 50_000 }).map((half) => half * 2),
    }),
    { maxLength: 8 },
  )
  .map((edits) => {
    const newest = new Map<string, Stamp>();
    return edits.map(({ step: name, fields, device, agoMs }) => {
      const at = nextStamp(device.id, DAWN_MS - agoMs, newest.get(device.id));
      newest.set(device.id, at);
      const known = Object.entries(fields).filter(([field]) => (field === "sure") === (name === "last"));
      return draft(Object.fromEntries(known.map(([field, typed]) => [field, slotOf(typed, at)])), name);
    });
  });

test("S3: drafts merge to the same, in whatever order they arrive", () => {
  fc.assert(
    fc.property(
      drafts.chain((commands) =>
        fc.tuple(fc.constant(commands), fc.shuffledSubarray(commands, { minLength: commands.length })),
      ),
      ([commands, shuffled]) => {
        expect(merged(begun, ...shuffled).drafts).toEqual(merged(begun, ...commands).drafts);
      },
    ),
  );
});

test("S3: drafts merge to the same, sent one by one or as one", () => {
  fc.assert(
    fc.property(drafts, (commands) => {
      const ofFirst = commands.filter((command) => command.step === "first");
      const newest: DraftCommand["fields"] = {};
      for (const { fields } of ofFirst) {
        for (const [field, edit] of Object.entries(fields)) {
          if (!newest[field] || newest[field].at < edit.at) newest[field] = edit;
        }
      }
      expect(merged(begun, draft(newest)).drafts["first"] ?? {}).toEqual(
        merged(begun, ...ofFirst).drafts["first"] ?? {},
      );
    }),
  );
});

test("S2: a draft that arrives again changes nothing, not even the revision", () => {
  fc.assert(
    fc.property(drafts, (commands) => {
      const once = merged(begun, ...commands);
      expect(merged(once, ...commands)).toBe(once);
    }),
  );
});

test("S3: what two devices type into different fields both stays", () => {
  const both = merged(
    begun,
    draft({ x: { value: "from the phone", at: nextStamp(phone.id, DAWN_MS) } }),
    draft({ y: { value: "from the laptop", at: nextStamp(laptop.id, DAWN_MS - 5_000) } }),
  );
  expect(both.drafts["first"]).toMatchObject({ x: { value: "from the phone" }, y: { value: "from the laptop" } });
});

test("S3: of two values typed into one field the later one stays, though it arrives first", () => {
  const later = draft({ x: { value: "later", at: nextStamp(phone.id, DAWN_MS) } });
  const earlier = draft({ x: { value: "earlier", at: nextStamp(laptop.id, DAWN_MS - 1) } });
  expect(merged(begun, later, earlier).drafts["first"]).toMatchObject({ x: { value: "later" } });
});

test("S3: a field that was emptied is empty, whatever was typed in it before, until something is typed after", () => {
  const at = (ms: number, by = phone) => nextStamp(by.id, DAWN_MS + ms);
  const typed = draft({ x: { value: "typed", at: at(0) }, y: { value: "beside", at: at(0) } });
  const emptied = draft({ x: { at: at(1, laptop) } });
  const after = draft({ x: { value: "typed again", at: at(2) } });
  for (const order of [
    [typed, emptied],
    [emptied, typed],
    [emptied, emptied, typed],
  ]) {
    const { drafts: now } = merged(begun, ...order);
    expect(now["first"]).toStrictEqual({ x: { at: at(1, laptop) }, y: { value: "beside", at: at(0) } });
    expect({ x: "submitted", ...fieldValues(now["first"]!) }).toStrictEqual({ x: undefined, y: "beside" });
  }
  expect(merged(begun, after, emptied).drafts["first"]?.["x"]).toStrictEqual({ value: "typed again", at: at(2) });
  expect(merged(begun, emptied, after).drafts["first"]?.["x"]).toStrictEqual({ value: "typed again", at: at(2) });
  // As text it is the same.
  expect(commandSchema.parse(JSON.parse(JSON.stringify(emptied)))).toStrictEqual(emptied);
  expect(commandSchema.parse({ ...emptied, fields: { x: { value: undefined, at: at(1) } } })).toEqual({
    ...emptied,
    fields: { x: { at: at(1) } },
  });
});

test("S3: a device whose clock runs far ahead does not win for ever", () => {
  const ahead = draft({ x: { value: "from the future", at: nextStamp(phone.id, DAWN_MS + 10 * MAX_CLOCK_LEAD_MS) } });
  const next = draft({ x: { value: "typed now", at: nextStamp(laptop.id, DAWN_MS + 1) } });
  expect(merged(begun, ahead, next).drafts["first"]).toMatchObject({ x: { value: "typed now" } });
});

test("a draft may be invalid, and for a step that is not reached yet", () => {
  const at = nextStamp(phone.id, DAWN_MS);
  expect(merged(begun, draft({ sure: { value: "perhaps", at } }, "last")).drafts["last"]).toEqual({
    sure: { value: "perhaps", at },
  });
});

test("a draft of a field that the step lacks is refused, and the field is named, not what was typed", () => {
  const at = nextStamp(phone.id, DAWN_MS);
  const result = advance(flow, begun, draft({ x: { value: "fine", at }, nmae: { value: "4111 1111", at } }), given);
  const issues = [{ path: ["nmae"], message: "The step has no such field." }];
  expect(result).toEqual({ accepted: false, refusal: { code: "invalid_input", step: "first", issues } });
});

test("drafts of one step that are too large together are refused", () => {
  const at = nextStamp(phone.id, DAWN_MS);
  const half = merged(begun, draft({ x: { value: "x".repeat(MAX_INPUT_LENGTH / 2), at } }));
  expect(advance(flow, half, draft({ y: { value: "y".repeat(MAX_INPUT_LENGTH / 2), at } }), given)).toEqual({
    accepted: false,
    refusal: { code: "too_large", atMost: MAX_INPUT_LENGTH },
  });
});

/** A flow of one step with this input, begun. */
function oneStep(input: Step["input"]) {
  const one = defineFlow({
    name: "drafted",
    version: 1,
    steps: { first: step({ input }), last: step({ input: z.object({}) }) },
  });
  return (command: DraftCommand | SubmitCommand, before = begun, nowMs = DAWN_MS) =>
    advance(one, before, command, { ...given, nowMs });
}
const draftOf = (values: Readonly<Record<string, Json>>) => {
  const at = nextStamp(phone.id, DAWN_MS);
  return draft(Object.fromEntries(Object.entries(values).map(([field, typed]) => [field, { value: typed, at }])));
};
const submissionOf = (input: Json, typed: Stamp[] = []): SubmitCommand => {
  const common = { id: idOf(3), session: idOf(0), version: 1, step: "first", seen: { first: null } };
  return { kind: "submit", ...common, input, typed };
};

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
  const at = nextStamp(phone.id, DAWN_MS);
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

test("S2: a submission from a clock that is days ahead takes its own drafts up, and none of what is typed afterwards", () => {
  const judge = oneStep(z.object({ x: z.string() }));
  const days = 3 * 24 * 3_600_000;
  const ahead = nextStamp(phone.id, DAWN_MS + days);
  const far = `999999999999999-ffff-${phone.id}`;
  for (const typed of [ahead, far]) {
    const standing = accepted(judge(submissionOf({ x: "typed" }, [typed])));
    expect(standing.submissions["first"]?.typed).toEqual([nextStamp(phone.id, DAWN_MS)]);
    // The draft of what was submitted, late.
    expect(accepted(judge(draft({ x: { value: "typed", at: typed } }), standing, DAWN_MS + 5))).toBe(standing);
    // Typed on, by the clock that is ahead, and by the one that was set right, an hour later and a second.
    for (const [at, nowMs] of [
      [nextStamp(phone.id, DAWN_MS + days, ahead), DAWN_MS + 1_000],
      [nextStamp(phone.id, DAWN_MS + 1_000), DAWN_MS + 1_000],
      [nextStamp(phone.id, DAWN_MS + 3_600_000), DAWN_MS + 3_600_000],
    ] as const) {
      const after = accepted(judge(draft({ x: { value: "typed on", at } }), standing, nowMs));
      expect(after.drafts["first"]?.["x"]?.value).toBe("typed on");
    }
  }
});

test("what is malformed is told once, however much of it there is", () => {
  const many = <T>(value: T) => Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`n${index}`, value]));
  for (const wrong of [
    { ...submissionOf({}), seen: many("not an id") },
    { ...submissionOf({}), typed: Array.from({ length: 20_000 }, () => "not a stamp") },
    { ...submissionOf({}), typed: Array.from({ length: 101 }, () => nextStamp(phone.id, DAWN_MS)) },
    draft(many({ value: 1, at: "not a stamp" })),
  ]) {
    expect(commandSchema.safeParse(wrong).error?.issues).toHaveLength(1);
  }
});

test("a submission takes the drafts of its own step along, and leaves the others", () => {
  const at = nextStamp(phone.id, DAWN_MS);
  const typed = merged(begun, draft({ x: { value: "one", at } }), draft({ y: { value: "two", at } }, "second"));
  expect(submitted(typed, "first", { x: "one" }).drafts).toEqual({ second: { y: { value: "two", at } } });
});

test("S3: a submission and drafts of other steps commute", () => {
  fc.assert(
    fc.property(drafts, fc.boolean(), (commands, again) => {
      // At an odd millisecond, so that no draft was typed in the very moment of a submission.
      const oddMs = DAWN_MS - 1;
      const session = again
        ? submitted(submitted(begun, "first", { x: "one" }, oddMs), "second", { y: "two" }, oddMs)
        : begun;
      const others = commands.filter((command) => command.step !== "first");
      const after = merged(submitted(session, "first", { x: "new" }), ...others);
      const before = submitted(merged(session, ...others), "first", { x: "new" });
      expect(after.data).toEqual(before.data);
      expect(after.drafts).toEqual(before.drafts);
    }),
  );
});

test("S2: a draft that arrives after the submission of what it typed changes nothing; one typed since does", () => {
  const before = nextStamp(phone.id, DAWN_MS);
  const since = nextStamp(phone.id, DAWN_MS, before);
  const submission = {
    kind: "submit" as const,
    id: idOf(3),
    session: idOf(0),
    version: 1,
    step: "first",
    input: { x: "typed" },
    seen: { first: null },
    typed: [before],
  } satisfies SubmitCommand;
  const session = accepted(advance(flow, begun, submission, given));
  expect(merged(session, draft({ x: { value: "ty", at: before } }))).toEqual(session);
  expect(merged(session, draft({ x: { value: "typed on", at: since } })).drafts["first"]?.["x"]?.value).toBe(
    "typed on",
  );

  // What another device typed in the meantime is not in the submission: it is kept.
  const elsewhere = nextStamp(laptop.id, DAWN_MS - 1_000);
  expect(merged(session, draft({ x: { value: "other", at: elsewhere } })).drafts["first"]?.["x"]?.value).toBe("other");
});

test("S3: a draft typed without having seen what another device submitted there is a conflict, not on top of it", () => {
  const standing = submitted(begun, "first", { x: "theirs" });
  const late = { ...draft({ x: { value: "mine", at: nextStamp(laptop.id, DAWN_MS) } }), seen: { first: null } };
  const there = { ...given, device: laptop };
  expect(advance(flow, standing, late, there)).toEqual({
    accepted: false,
    refusal: { code: "conflict", step: "first", changed: ["first"], theirs: { x: "theirs" } },
  });
  const knowing = { ...late, seen: seenBy(flow, standing, "first") };
  expect(accepted(advance(flow, standing, knowing, there)).drafts["first"]?.["x"]?.value).toBe("mine");
  // What this device itself submitted it has seen, whatever the draft says.
  expect(accepted(advance(flow, standing, late, given)).drafts["first"]?.["x"]?.value).toBe("mine");
});

test("S3: what a submission has seen of another device's drafts is decided, whenever it arrives again", () => {
  const at = nextStamp(laptop.id, DAWN_MS);
  const late = { ...draft({ x: { value: "mine", at } }), seen: { first: null } };
  const submission = { kind: "submit", id: idOf(3), session: idOf(0), version: 1, step: "first" } as const;
  const command = { ...submission, input: { x: "theirs" }, seen: { first: null }, typed: [at] };
  const standing = accepted(advance(flow, begun, command, given));
  expect(accepted(advance(flow, standing, late, { ...given, device: laptop }))).toBe(standing);
});

/** Two devices that type in turn, each with a clock of its own that is wrong and jumps, and hear of each other or not. */
const typing = fc.array(
  fc.record({
    by: fc.constantFrom(phone, laptop),
    clockMs: fc.integer({ min: -90_000_000, max: 90_000_000 }),
    field: fc.constantFrom("x", "y"),
  }),
  { minLength: 1, maxLength: 12 },
);

test("S3: with wrong clocks too, what is typed after seeing a value wins over it, on every device and the server", () => {
  fc.assert(
    fc.property(typing, (edits) => {
      let server = begun;
      for (const [index, { by, clockMs, field }] of edits.entries()) {
        // A second passes between two edits, by the server's clock.
        const nowMs = DAWN_MS + index * 1_000;
        const seen = Object.values(server.drafts["first"] ?? {}).map(({ at }) => at);
        const newest = seen.sort().at(-1);
        const at = nextStamp(by.id, nowMs + clockMs, newest);
        const typed = draft({ [field]: { value: `edit ${index}`, at } });
        server = accepted(advance(flow, server, typed, { device: by, nowMs }));
        expect(server.drafts["first"]?.[field]?.value).toBe(`edit ${index}`);
      }
    }),
    { numRuns: 500 },
  );
});

test("S3: a field's value is replaced whole, an array or an object too", () => {
  const nested = defineFlow({
    name: "drafted",
    version: 1,
    steps: {
      first: step({
        input: z.object({ tags: z.array(z.string()), address: z.object({ street: z.string(), city: z.string() }) }),
      }),
    },
  });
  const typed = (value: DraftCommand["fields"], by = phone) => [draft(value), { ...given, device: by }] as const;
  const one = accepted(
    advance(
      nested,
      begun,
      ...typed({
        tags: { value: ["a", "b"], at: nextStamp(phone.id, DAWN_MS) },
        address: { value: { street: "Quay", city: "Ghent" }, at: nextStamp(phone.id, DAWN_MS) },
      }),
    ),
  );
  const two = accepted(
    advance(
      nested,
      one,
      ...typed(
        {
          tags: { value: ["c"], at: nextStamp(laptop.id, DAWN_MS + 1) },
          address: { value: { city: "Bruges" }, at: nextStamp(laptop.id, DAWN_MS + 1) },
        },
        laptop,
      ),
    ),
  );
  expect(two.drafts["first"]).toMatchObject({ tags: { value: ["c"] } });
  expect(two.drafts["first"]?.["address"]?.value).toEqual({ city: "Bruges" });
});
