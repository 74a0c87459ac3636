import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { commandSchema, type DraftCommand, type SubmitCommand } from "./command.ts";
import { fieldValues } from "./drafts.ts";
import { defineFlow, type AnyFlow } from "./flow.ts";
import { MAX_INPUT_LENGTH, storable, type Json } from "./json.ts";
import { advance, seenBy } from "./session.ts";
import type { Snapshot } from "./snapshot.ts";
import { slotOf } from "./slot.ts";
import { MAX_CLOCK_LEAD_MS, nextStamp, type Stamp } from "./stamp.ts";
import { step } from "./step.ts";
import { DAWN_MS, devices, idOf } from "./testing/walk.ts";

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

test("a draft of a field that the step lacks is refused without naming what was typed", () => {
  const result = advance(flow, begun, draft({ "4111 1111": { value: 1, at: nextStamp(phone.id, DAWN_MS) } }), given);
  expect(result).toMatchObject({ accepted: false, refusal: { code: "invalid_input", step: "first" } });
  expect(JSON.stringify(result)).not.toContain("4111");
});

test("drafts of one step that are too large together are refused", () => {
  const at = nextStamp(phone.id, DAWN_MS);
  const half = merged(begun, draft({ x: { value: "x".repeat(MAX_INPUT_LENGTH / 2), at } }));
  expect(advance(flow, half, draft({ y: { value: "y".repeat(MAX_INPUT_LENGTH / 2), at } }), given)).toEqual({
    accepted: false,
    refusal: { code: "too_large", atMost: MAX_INPUT_LENGTH },
  });
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
