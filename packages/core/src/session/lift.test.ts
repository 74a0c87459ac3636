import { expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, type AnyFlow } from "../flow/flow.ts";
import type { Json } from "../json.ts";
import { liftSession } from "./lift.ts";
import type { OldFields } from "../flow/migration.ts";
import { step } from "../flow/step.ts";
import { devices, idOf, start, START_MS } from "../testing/commands.ts";
import {
  begun,
  cancelling,
  consent,
  drafting,
  first,
  judged,
  payee,
  recipient,
  second,
  session,
  submitting,
  taken,
  third,
} from "../testing/transfer-versions.ts";

const [phone] = devices;

test("S12: a session, its drafts and a queued submission go through each version to the current one", () => {
  const before = taken(first, begun(payee), drafting(1, "amount", { euros: 7 }));
  const after = liftSession(second, before);
  expect(after).toMatchObject({ version: 2, revision: before.revision, data: { recipient } });
  expect(after.drafts["amount"]).toMatchObject({ cents: { value: 700 } });
  expect(after.submissions).toEqual({ recipient: before.submissions["payee"] });

  const purpose = judged(second, before, submitting(first, before, "purpose", { text: "Rent" }));
  expect(purpose).toMatchObject({ accepted: false, refusal: { code: "unknown_step", step: "purpose" } });
  const amount = submitting(first, before, "amount", { euros: 8 });
  expect(judged(second, before, amount)).toMatchObject({
    accepted: true,
    session: { version: 2, revision: before.revision + 1, data: { recipient, amount: { cents: 800 } } },
    change: { kind: "submit", step: "amount", data: { cents: 800 }, lifted: { version: 2, data: { recipient } } },
  });
});

test("S12: a step that is asked again offers what was submitted, clears what depends on it, and loses nothing typed", () => {
  const before = begun(payee, ["purpose", { text: "Rent" }], ["amount", { euros: 7 }]);
  const after = liftSession(third, before);
  expect(after.data).toEqual({ recipient });
  expect(after.drafts).toMatchObject({ amount: { cents: { value: 700 } } });
  // Whoever comes by way of the version between arrives at the same.
  expect(liftSession(third, liftSession(second, before))).toEqual(after);
  const queued = submitting(first, before, "amount", { euros: 9 });
  expect(judged(third, before, queued)).toMatchObject({ refusal: { code: "invalid_input", step: "amount" } });
});

test("S12: what depends on a step that is asked again is cleared and offered, but for what confirms something", () => {
  const flow = defineFlow({
    name: "transfer",
    version: 2,
    steps: {
      recipient: second.steps.recipient,
      amount: second.steps.amount,
      signed: step({ input: consent, dependsOn: ["recipient"], confirm: true }),
      sealed: step({ input: consent, confirm: true }),
    },
    migrate: {
      1: {
        ...second.migrate[1],
        payee: { to: "recipient", fields: () => recipient, again: true },
        sealed: { again: true },
      },
    },
  });
  const told = { command: idOf(1), at: new Date(START_MS).toISOString(), device: phone };
  const before = begun(payee, ["purpose", { text: "Rent" }], ["amount", { euros: 7 }]);
  const data = { ...before.data, signed: { accepted: true }, sealed: { accepted: true } };
  const submissions = { ...before.submissions, signed: told, sealed: told };
  const after = liftSession(flow, { ...before, data, submissions });
  expect([after.data, after.submissions]).toEqual([{}, {}]);
  expect(Object.keys(after.drafts)).toEqual(["recipient", "amount"]);
  expect(after.drafts).toMatchObject({
    recipient: { name: { value: "Ada Lovelace" } },
    amount: { cents: { value: 700 } },
  });
});

test("S12: only a submission completes a session: when a deploy leaves nothing to do, the last step is asked again", () => {
  const flow = defineFlow({
    name: "transfer",
    version: 2,
    steps: { payee: first.steps.payee },
    migrate: { 1: { purpose: null, amount: null, review: null } },
  });
  const before = begun(payee, ["purpose", { text: "Rent" }]);
  const after = liftSession(flow, before);
  expect(after).toMatchObject({ status: "active", data: {}, drafts: { payee: { first: { value: "Ada" } } } });
  const done = judged(flow, before, submitting(flow, after, "payee", payee[1]));
  expect(done).toMatchObject({ accepted: true, session: { status: "completed" } });
});

const broken: readonly (readonly [string, AnyFlow["migrate"]])[] = [
  ["version 1 has no migration.", {}],
  ["the flow has no such step.", { 1: { purpose: null } }],
  [
    "the migration threw TypeError.",
    { 1: { payee: { to: "recipient", fields: ({ middle }) => ({ name: (middle as string).trim() }) } } },
  ],
  [
    "the migration made no object of JSON.",
    { 1: { payee: { to: "recipient", fields: () => ({ name: new Date() as unknown as Json }) } } },
  ],
  ["the schema refuses what it holds.", { 1: { payee: { to: "recipient", fields: () => ({ name: "?" }) } } }],
  ["a field of it is gone.", { 1: { payee: { to: "recipient" } } }],
  [
    "another step became the same.",
    {
      1: {
        payee: { to: "amount", fields: () => ({ cents: 1 }) },
        purpose: { to: "amount", fields: () => ({ cents: 2 }) },
      },
    },
  ],
];

test.for(broken)(
  "S12: when %s the session is kept as it is, and reported without what was typed",
  ([reason, migrate]) => {
    const before = begun(payee, ["purpose", { text: "Rent" }]);
    const copy = structuredClone(before);
    const result = judged({ ...second, migrate }, before, cancelling());
    expect(result).toMatchObject({ accepted: false, refusal: { code: "outdated", given: 1, current: 2 } });
    const { fault } = result as Extract<typeof result, { accepted: false }>;
    expect(fault).toMatchObject({ code: "migration_failed", message: expect.stringContaining(reason) });
    expect(String(fault)).not.toMatch(/Ada|Lovelace|Rent/);
    expect(fault!.cause).toBeUndefined();
    expect(before).toEqual(copy);
  },
);

test("S12: what a schema changes as it parses is not run through it a second time", () => {
  const doubled = z.object({ n: z.int().transform((n) => n * 2) });
  const one = defineFlow({
    name: "one",
    version: 1,
    steps: { only: step({ input: doubled }), end: step({ input: consent }) },
  });
  const two = { ...one, version: 2, migrate: { 1: {} } };
  const begin = taken(one, null, start(session, "one"));
  const before = taken(one, begin, submitting(one, begin, "only", { n: 4 }));
  expect(before.data).toEqual({ only: { n: 8 } });
  expect(liftSession(two, before)).toMatchObject({ data: { only: { n: 8 } }, inputs: { only: { n: 4 } } });
  const told = { ...two, migrate: { 1: { only: ({ n }: OldFields) => ({ n: Number(n) * 10 }) } } };
  expect(liftSession(told, before)).toMatchObject({ data: { only: { n: 80 } }, inputs: { only: { n: 40 } } });
});

test("S12: an output of another shape is not told as the new one", () => {
  const outputs = { recipient: { fee: "?" } };
  const flow = defineFlow({
    name: "transfer",
    version: 2,
    steps: {
      payee: step({ input: first.steps.payee.input, output: z.object({ fee: z.int() }) }),
      purpose: first.steps.purpose,
    },
    migrate: { 1: { amount: null, review: null } },
  });
  const before = { ...begun(payee), outputs };
  expect(() => liftSession(flow, before)).toThrow("its output does not fit.");
  const lifted = liftSession(flow, { ...before, outputs: { payee: { fee: 3 } } });
  expect(lifted.outputs).toEqual({ payee: { fee: 3 } });
});

test("S12, S6: an ended session keeps its end; what would be asked again is left out", () => {
  const before = taken(first, begun(payee, ["purpose", { text: "Rent" }], ["amount", { euros: 7 }]), cancelling());
  const after = liftSession(third, before);
  expect(after).toMatchObject({ status: "cancelled", endedAt: before.endedAt, revision: before.revision });
  expect(after).toMatchObject({ data: { recipient } });
  expect([after.data["amount"], after.drafts]).toEqual([undefined, {}]);
});
