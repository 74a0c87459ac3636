/** A flow of three steps, a session of it that has begun, and what devices type in it. */
import fc from "fast-check";
import { z } from "zod";
import type { DraftCommand, SubmitCommand } from "../protocol/command.ts";
import { defineFlow, type AnyFlow } from "../flow/flow.ts";
import { toStorableJson, type Json } from "../json.ts";
import { advance, seenBy } from "../session/advance.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { draftFieldOf } from "../protocol/draft-field.ts";
import { MAX_CLOCK_LEAD_MS, nextStamp, type Stamp } from "../protocol/stamp.ts";
import { step, type Step } from "../flow/step.ts";
import { accepted } from "./accepted.ts";
import { devices, draft as draftOfSession, idOf, start, START_MS, submit, typedBy } from "./commands.ts";

const [phone] = devices;

const text = z.string().min(3).optional();

export const flow = defineFlow({
  name: "drafted",
  version: 1,
  steps: {
    first: step({ input: z.object({ x: text, y: text }) }),
    second: step({ input: z.object({ x: text, y: text }), dependsOn: ["first"] }),
    last: step({ input: z.object({ sure: z.literal(true) }), dependsOn: ["first", "second"], confirm: true }),
  },
});

export const given = { nowMs: START_MS, device: devices[0] };

export const begun = accepted(advance(flow, null, start(idOf(0), "drafted"), given));

export const draft = (fields: DraftCommand["fields"], name = "first") => draftOfSession(idOf(0), name, fields);

export function merged(session: Snapshot, ...commands: DraftCommand[]): Snapshot {
  return commands.reduce((before, command) => accepted(advance(flow, before, command, given)), session);
}

export function submitted(
  session: Snapshot,
  name: string,
  input: Json,
  nowMs = START_MS,
  by: AnyFlow = flow,
): Snapshot {
  const seen = seenBy(by, session, name);
  return accepted(advance(by, session, submit(session.id, name, input, { seen }), { ...given, nowMs }));
}

const value = fc.jsonValue().filter((typed) => toStorableJson(typed).ok) as fc.Arbitrary<Json>;

const typedOrEmptied = fc.option(value, { nil: undefined, freq: 3 });

/** Edits as devices make them: no stamp is issued twice, so one stamp never stands for two values. */
export const drafts = fc
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
      const at = nextStamp(device.id, START_MS - agoMs, newest.get(device.id));
      newest.set(device.id, at);
      const known = Object.entries(fields).filter(([field]) => (field === "sure") === (name === "last"));
      return draft(Object.fromEntries(known.map(([field, typed]) => [field, draftFieldOf(typed, at)])), name);
    });
  });

/** A flow of one step with this input, begun. */
export function oneStep(input: Step["input"]) {
  const one = defineFlow({
    name: "drafted",
    version: 1,
    steps: { first: step({ input }), last: step({ input: z.object({}) }) },
  });
  return (command: DraftCommand | SubmitCommand, before = begun, nowMs = START_MS) =>
    advance(one, before, command, { ...given, nowMs });
}

export const draftOf = (values: Readonly<Record<string, Json>>) => draft(typedBy(phone, values, START_MS));

export const submissionOf = (input: Json, seenDrafts: Stamp[] = []) =>
  submit(idOf(0), "first", input, { seen: { first: null }, seenDrafts });
