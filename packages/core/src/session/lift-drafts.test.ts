import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { mergeFields } from "./drafts.ts";
import { defineFlow } from "../flow/flow.ts";
import { toStorableJson } from "../json.ts";
import { liftDrafts, liftSession } from "./lift.ts";
import type { OldFields } from "../flow/migration.ts";
import { nextStamp, minStamp } from "../protocol/stamp.ts";
import { step } from "../flow/step.ts";
import { devices, START_MS } from "../testing/commands.ts";
import { begun, drafting, first, payee, second, taken } from "../testing/transfer-versions.ts";
import { rename } from "../testing/renamed-flow.ts";

const [phone, laptop] = devices;

test("S12: drafts of two versions merge to the same, whichever is lifted first, and the newest typed wins", () => {
  const stamp = fc
    .record({ by: fc.constantFrom(phone, laptop), ms: fc.integer({ min: 1, max: 50 }) })
    .map(({ by, ms }) => nextStamp(by.id, ms));
  const storable = fc.jsonValue().filter((value) => toStorableJson(value).ok);
  const fields = fc.dictionary(fc.constantFrom("value", "note"), fc.record({ value: storable, at: stamp }), {
    maxKeys: 2,
  });
  const flow = defineFlow({
    name: "one",
    version: 2,
    steps: { bee: step({ input: z.object({ total: z.int(), note: z.string() }) }) },
    migrate: { 1: { b: { to: "bee", fields: ({ value, note }) => ({ total: value, note }) } } },
  });
  fc.assert(
    fc.property(fields, fields, (left, right) => {
      const merged = liftDrafts(flow, 1, { b: right }, liftDrafts(flow, 1, { b: left }));
      expect(merged).toEqual({ bee: rename(mergeFields(left, right)) });
      expect(merged).toEqual(liftDrafts(flow, 1, { b: mergeFields(left, right) }));
    }),
  );
});

test("S12: a field made of others is as new as the newest of them, and one that is made up as old as can be", () => {
  const [at, later1, later2] = [1, 2, 3].map((ms) => nextStamp(phone.id, ms)) as [string, string, string];
  const typed = { first: { value: "Ada", at: later2 }, last: { value: "Lovelace", at: later1 } };
  const lifted = liftDrafts(second, 1, { payee: typed, purpose: { text: { value: "Rent", at } } });
  expect(lifted).toEqual({
    recipient: { name: { value: "Ada Lovelace", at: later2 }, country: { value: "BE", at: minStamp(at) } },
  });
});

test("S12: one field that is typed over what was submitted is lifted with the rest of its step", () => {
  const submitted = begun(payee);
  const typedOver = drafting(1, "payee", { first: "Augusta" });
  const together = { recipient: { name: { value: "Augusta Lovelace" } } };
  const before = taken(first, submitted, typedOver);
  expect(liftSession(second, before).drafts).toMatchObject(together);
  expect(Object.keys(liftSession(second, before).drafts["recipient"]!)).toEqual(["name"]);
  // So is one that is sent late, by a page of the version before.
  expect(taken(second, submitted, typedOver).drafts).toMatchObject(together);
  // Beside what another device is typing.
  const other = taken(first, begun(), drafting(1, "payee", { first: "Ada", last: "King" }, START_MS - 60_000, laptop));
  expect(taken(second, other, typedOver).drafts).toMatchObject({ recipient: { name: { value: "Augusta King" } } });
});

test("S12: a field that was emptied is empty at the next version too, under the name that it has there", () => {
  const text = z.string().optional();
  const before = defineFlow({
    name: "t",
    version: 1,
    steps: { a: step({ input: z.object({ x: text, y: text, z: text }) }) },
  });
  const moves = {
    spread: ({ x, ...others }: OldFields) => ({ ...others, ex: x }),
    named: (old: OldFields) => ({ ex: old["x"], y: old["y"], z: old["z"] }),
    given: (old: OldFields) => ({ ...(old["x"] !== undefined && { ex: old["x"] }), y: old["y"], z: old["z"] }),
    doubled: ({ x, y, z }: OldFields) => ({ ex: typeof x === "number" ? x * 2 : undefined, y, z }),
  };
  const at = (ms: number) => nextStamp(phone.id, START_MS + ms);
  const emptied = { a: { x: { at: at(2) }, y: { value: "typed", at: at(1) } } };
  for (const fields of Object.values(moves)) {
    const input = z.object({ ex: text, y: text, z: text });
    const after = defineFlow({ name: "t", version: 2, steps: { a: step({ input }) }, migrate: { 1: { a: fields } } });
    const lifted = { a: { ex: { at: at(2) }, y: { value: "typed", at: at(1) } } };
    expect(liftDrafts(after, 1, emptied)).toStrictEqual(lifted);
    const standing = { version: 1, data: { a: { x: "submitted", z: "stays" } }, inputs: {}, drafts: {} };
    expect(liftDrafts(after, 1, emptied, {}, standing)).toStrictEqual(lifted);
    expect(liftDrafts(after, 1, { a: emptied.a }, { a: { ex: { value: "typed since", at: at(3) } } })).toMatchObject({
      a: { ex: { value: "typed since" } },
    });
  }
  const same = defineFlow({ name: "t", version: 2, steps: before.steps, migrate: { 1: {} } });
  expect(liftDrafts(same, 1, emptied)).toStrictEqual(emptied);
});

test("S25: a draft of thousands of fields is lifted in a moment, and what nobody typed is as old as can be", () => {
  const any = step({ input: z.record(z.string(), z.json()) });
  const flow = defineFlow({
    name: "large",
    version: 2,
    steps: { a: any },
    migrate: {
      1: { a: ({ first, ...others }) => ({ ...others, renamed: first, made: 1, emptied: others["emptied"] }) },
    },
  });
  const stamps = Array.from({ length: 4_000 }, (_, nth) => nextStamp(phone.id, START_MS + nth));
  const fields = Object.fromEntries(stamps.map((at, nth) => [`f${nth}`, { value: nth, at }]));
  const before = process.cpuUsage();
  const lifted = liftDrafts(flow, 1, {
    a: { ...fields, first: { value: "x", at: stamps[0]! }, emptied: { at: stamps[1]! } },
  })["a"]!;
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
  expect(lifted).toMatchObject({
    f7: fields["f7"],
    made: { value: 1, at: minStamp(stamps[0]!) },
    // Of so many it is not tried of which it is made.
    renamed: { value: "x", at: stamps.at(-1) },
  });
  expect(lifted["emptied"]).toEqual({ at: stamps[1] });
});
