import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { commandSchema, type DraftCommand } from "../protocol/command.ts";
import { fieldValues } from "./drafts.ts";
import { defineFlow } from "../flow/flow.ts";
import { advance } from "./advance.ts";
import { MAX_CLOCK_LEAD_MS, nextStamp } from "../protocol/stamp.ts";
import { step } from "../flow/step.ts";
import { accepted } from "../testing/accepted.ts";
import { devices, START_MS } from "../testing/commands.ts";
import { begun, draft, drafts, flow, given, merged } from "../testing/drafted-session.ts";

const [phone, laptop] = devices;

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
    draft({ x: { value: "from the phone", at: nextStamp(phone.id, START_MS) } }),
    draft({ y: { value: "from the laptop", at: nextStamp(laptop.id, START_MS - 5_000) } }),
  );
  expect(both.drafts["first"]).toMatchObject({ x: { value: "from the phone" }, y: { value: "from the laptop" } });
});

test("S3: of two values typed into one field the later one stays, though it arrives first", () => {
  const later = draft({ x: { value: "later", at: nextStamp(phone.id, START_MS) } });
  const earlier = draft({ x: { value: "earlier", at: nextStamp(laptop.id, START_MS - 1) } });
  expect(merged(begun, later, earlier).drafts["first"]).toMatchObject({ x: { value: "later" } });
});

test("S3: a field that was emptied is empty, whatever was typed in it before, until something is typed after", () => {
  const at = (ms: number, by = phone) => nextStamp(by.id, START_MS + ms);
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
  const ahead = draft({ x: { value: "from the future", at: nextStamp(phone.id, START_MS + 10 * MAX_CLOCK_LEAD_MS) } });
  const next = draft({ x: { value: "typed now", at: nextStamp(laptop.id, START_MS + 1) } });
  expect(merged(begun, ahead, next).drafts["first"]).toMatchObject({ x: { value: "typed now" } });
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
        const nowMs = START_MS + index * 1_000;
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
        tags: { value: ["a", "b"], at: nextStamp(phone.id, START_MS) },
        address: { value: { street: "Quay", city: "Ghent" }, at: nextStamp(phone.id, START_MS) },
      }),
    ),
  );
  const two = accepted(
    advance(
      nested,
      one,
      ...typed(
        {
          tags: { value: ["c"], at: nextStamp(laptop.id, START_MS + 1) },
          address: { value: { city: "Bruges" }, at: nextStamp(laptop.id, START_MS + 1) },
        },
        laptop,
      ),
    ),
  );
  expect(two.drafts["first"]).toMatchObject({ tags: { value: ["c"] } });
  expect(two.drafts["first"]?.["address"]?.value).toEqual({ city: "Bruges" });
});
