import { expect, test } from "vitest";
import { z } from "zod";
import type { Command } from "../protocol/command.ts";
import { fieldValues } from "./drafts.ts";
import { defineFlow, type AnyFlow } from "../flow/flow.ts";
import { parseInput, submittedInput } from "./input.ts";
import type { Json } from "../json.ts";
import { liftSession } from "./lift.ts";
import { applyChange, type HistoryChange } from "./change.ts";
import { advance, seenBy } from "./advance.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { step, type Step } from "../flow/step.ts";
import { START_MS, devices, draft, idOf, start, submit, typedBy } from "../testing/commands.ts";
import { redact } from "./redact.ts";
import { cents, schemas } from "../testing/typed-schemas.ts";

const [phone, laptop] = devices;

function flowOf(input: Step["input"], options: { sensitive?: boolean; version?: number; again?: boolean } = {}) {
  const { sensitive = false, version = 1, again = false } = options;
  return defineFlow({
    name: "typed",
    version,
    steps: {
      first: step({ input: z.object({ x: z.string() }) }),
      second: step({ input, dependsOn: ["first"], sensitive }),
      last: step({ input: z.object({}) }),
    },
    migrate: { 1: { second: { again } } },
  }) as AnyFlow;
}

/** A session as commands make it, and as its history does. */
class Run {
  session: Snapshot | null = null;
  replayed: Snapshot | null = null;
  #next = 1;
  readonly flow: AnyFlow;

  constructor(flow: AnyFlow) {
    this.flow = flow;
    this.take(start(idOf(0), flow.name));
  }

  judge(command: Command, device = phone) {
    const id = idOf((this.#next += 1));
    const given = { nowMs: START_MS + this.#next, device };
    const whole = { ...command, id, version: this.flow.version };
    return { id, given, result: advance(this.flow, this.session, whole, given) };
  }

  take(command: Command): Snapshot {
    const { id, given, result } = this.judge(command);
    if (!result.accepted) throw new Error(JSON.stringify(result.refusal));
    this.session = result.session;
    if (result.change !== null) {
      const change = JSON.parse(JSON.stringify(result.change)) as HistoryChange;
      this.replayed = applyChange(this.flow, this.replayed, change, { ...given, command: id, session: idOf(0) });
    }
    return this.session;
  }

  submit(name: string, input: Json): Snapshot {
    return this.take(submit(idOf(0), name, input, { seen: seenBy(this.flow, this.session!, name) }));
  }
}

function submitted(flow: AnyFlow, input: Json): Run {
  const run = new Run(flow);
  run.submit("first", { x: "one" });
  run.submit("second", input);
  return run;
}

test.for(schemas)(
  "S3: what was typed is offered again, and means the same when it is submitted as it is: %s",
  (row) => {
    const [, schema, typed, made] = row;
    const run = submitted(flowOf(schema), typed);
    expect(run.session!.data["second"]).toEqual(made);
    expect(submittedInput(run.session!, "second")).toEqual(typed);

    const cleared = run.submit("first", { x: "two" });
    expect([cleared.data["second"], cleared.inputs["second"]]).toEqual([undefined, undefined]);
    const offered = fieldValues(cleared.drafts["second"] ?? {});
    expect(offered).toEqual(typed);
    run.submit("second", offered);
    expect(run.session!.data["second"]).toEqual(made);

    // Another device is told what was typed, not what was made of it.
    const late = submit(idOf(0), "second", typed, { seen: { first: null, second: null } });
    expect(run.judge(late, laptop).result).toMatchObject({ refusal: { code: "conflict", theirs: typed } });
    const fields = typedBy(laptop, typed as Record<string, Json>, START_MS + 99);
    const conflict = run.judge(draft(idOf(0), "second", fields, { seen: { second: null } }), laptop).result;
    if (Object.keys(fields).length > 0) expect(conflict).toMatchObject({ refusal: { theirs: typed } });

    run.submit("last", {});
    expect(run.session).toMatchObject({ status: "completed", data: { second: made } });
    // S15: a history says what was typed too.
    expect(run.replayed).toEqual(run.session);
    expect(submittedInput(run.session!, "second")).toEqual(typed);
  },
);

test.for(schemas)("a step may be drafted as it may be submitted: %s", ([, schema, typed]) => {
  const run = new Run(flowOf(schema));
  const fields = typedBy(phone, typed as Record<string, Json>, START_MS);
  expect(fieldValues(run.take(draft(idOf(0), "second", fields)).drafts["second"] ?? {})).toEqual(typed);
});

test.for(schemas)(
  "S12: a session is lifted from what was typed, not from what was made of it: %s",
  ([, schema, typed, made]) => {
    const { session } = submitted(flowOf(schema), typed);
    const same = liftSession(flowOf(schema, { version: 2 }), session!);
    expect(same).toEqual({ ...session, version: 2 });
    expect(same.data["second"]).toEqual(made);
    const again = liftSession(flowOf(schema, { version: 2, again: true }), session!);
    expect(again.data["second"]).toBeUndefined();
    expect(fieldValues(again.drafts["second"] ?? {})).toEqual(typed);
  },
);

test("S12: a migration is given what was typed, and what it makes of it is parsed once", () => {
  const { session } = submitted(flowOf(z.object({ euros: cents })), { euros: "12,50" });
  const next = {
    ...flowOf(z.object({ amount: cents, currency: z.string().default("EUR") }), { version: 2 }),
    migrate: { 1: { second: ({ euros }: { readonly [field: string]: Json | undefined }) => ({ amount: euros }) } },
  };
  expect(liftSession(next, session!)).toMatchObject({
    data: { second: { amount: 1250, currency: "EUR" } },
    inputs: { second: { amount: "12,50" } },
  });
});

test("what a schema leaves as it is is kept once, and what it knows nothing of not at all", () => {
  const run = submitted(flowOf(z.object({ a: z.string(), b: z.int() })), { b: 1, a: "a", strange: "field" });
  expect(run.session!.inputs).toEqual({});
  const trimmed = submitted(flowOf(z.object({ a: z.string().trim() })), { a: " a ", strange: "field" });
  expect(trimmed.session!.inputs).toEqual({ second: { a: " a " } });
  const empty = submitted(flowOf(z.object({})), { strange: "field" });
  expect(empty.session).toMatchObject({ data: { second: {} }, inputs: {} });
});

test("S11: what was typed in a sensitive step is kept nowhere, and asked again when the flow changes", () => {
  const secret = flowOf(z.object({ pin: z.string().trim() }), { sensitive: true });
  const { session } = submitted(secret, { pin: " 1234 " });
  expect(session).toMatchObject({ data: { second: { pin: "1234" } }, inputs: { second: null } });
  expect(JSON.stringify(session)).not.toContain(" 1234 ");
  const told = redact(secret, session!);
  expect(told).toMatchObject({ data: { second: null }, inputs: { second: null } });
  const next = flowOf(z.object({ pin: z.string().trim() }), { sensitive: true, version: 2 });
  for (const known of [session!, told])
    expect(liftSession(next, known)).toMatchObject({ data: { first: { x: "one" } }, inputs: {}, drafts: {} });
  // What was not changed is not asked again.
  const plain = submitted(secret, { pin: "1234" }).session!;
  expect(liftSession(next, plain).data["second"]).toEqual({ pin: "1234" });
});

test("S11: what was typed in a step that a later version calls sensitive is told no more", () => {
  const { session } = submitted(flowOf(z.object({ pin: z.string().trim() })), { pin: " 1234 " });
  const next = flowOf(z.object({ pin: z.string().trim() }), { sensitive: true, version: 2 });
  for (const told of [redact(next, session!), liftSession(next, session!)])
    expect(told.inputs).toEqual({ second: null });
});

let count = 0;

test.for<[string, z.ZodType, RegExp]>([
  [
    "asynchronous",
    z.object({ a: z.string().transform(async (a) => Promise.resolve(a)) }),
    /^flow_invalid: .*second.*asynchronous.*handler/,
  ],
  ["asynchronous in a check", z.object({ a: z.string().refine(async () => Promise.resolve(true)) }), /asynchronous/],
  [
    "another value each time",
    z.object({ a: z.string().transform((a) => `${a}${(count += 1)}`) }),
    /^flow_invalid: .*second.*each time/,
  ],
  [
    "a default of another value each time",
    z.object({ a: z.string(), id: z.string().default(() => String((count += 1))) }),
    /each time/,
  ],
  [
    "one that throws what it was given",
    z.object({
      a: z.string().transform((a): string => {
        throw new RangeError(a);
      }),
    }),
    /^flow_invalid: .*second.*threw RangeError/,
  ],
])("a schema that is %s is named, and nothing typed is", ([, schema, message]) => {
  const definition = flowOf(schema as Step["input"]).steps["second"] as Step;
  const judging = () => parseInput(definition, "second", { a: "typed" });
  expect(judging).toThrow(message);
  expect(judging).not.toThrow("typed");
});
