import { expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, type AnyFlow } from "./flow/flow.ts";
import { checkShape, shapeOf, type RecordedShapes } from "./shape.ts";
import { step } from "./flow/step.ts";

const payee = step({ input: z.object({ name: z.string().trim() }) });
const amount = step({ input: z.object({ cents: z.int().positive() }) });
const recipient = step({ input: z.object({ name: z.string(), country: z.string().length(2) }) });
const computed = step({ input: amount.input, output: z.object({ fee: z.int() }) });

const first = defineFlow({ name: "transfer", version: 1, steps: { payee, amount } });
// Through a file, as it is kept.
const recorded = JSON.parse(JSON.stringify({ 1: shapeOf(first) })) as RecordedShapes;
const at = (version: number, flow: AnyFlow) => `"${version}": ${JSON.stringify(shapeOf(flow))}`;

const steps = { recipient, amount: computed };
const second = defineFlow({
  name: "transfer",
  version: 2,
  steps,
  migrate: {
    1: { payee: { to: "recipient", fields: ({ name }) => ({ name, country: "BE" }) }, amount: { again: true } },
  },
});

test("S12: a flow that is as it was recorded is as it should be", () => {
  expect(checkShape(first, recorded)).toBeNull();
  const both = { ...recorded, 2: shapeOf(second) };
  expect(checkShape(second, both)).toBeNull();
});

test("S12: a changed step fails, and the message says what to write", () => {
  const changed = defineFlow({ name: "transfer", version: 1, steps: { payee: recipient, amount: computed } });
  expect(checkShape(changed, recorded)).toBe(`Flow transfer is no longer what was recorded as its version 1.
Raise its version to 2, and say what becomes of what people have begun:
migrate: {
  1: {
    payee: (old) => ({ name: old.name, country: old.country }),
    amount: { again: true },
  },
},
If version 1 was never released, record it again instead:
${at(1, changed)}`);
});

test("S12: a raised version without a migration fails, step by step", () => {
  const raised = (migrate: AnyFlow["migrate"]): AnyFlow => ({ ...second, migrate });
  expect(checkShape(raised({}), recorded))
    .toBe(`Flow transfer has no migrations from version 1 to 2. Write one for each version between:
migrate: {
  1: {},
},
If no session of version 1 is left, delete it from the record.`);
  const leaves = "Flow transfer leaves behind what people have begun at version 1.";
  const told = (migrate: AnyFlow["migrate"]) => {
    const message = checkShape(raised(migrate), recorded);
    expect(message).toContain(leaves);
    return message!.slice(message!.indexOf("  1: {"));
  };
  expect(told({ 1: {} })).toBe(`  1: {
    payee: null, // or { to: "…" }: no step is called payee
    amount: { again: true },
  },
},`);
  expect(told({ 1: { payee: { to: "recipient" }, amount: { again: true } } })).toBe(`  1: {
    payee: { to: "recipient", fields: (old) => ({ name: old.name, country: old.country }) },
  },
},`);
});

test("S12: a version that is not recorded yet fails with what to record", () => {
  expect(checkShape(first, {})).toBe(`Record version 1 of flow transfer beside the others:\n${at(1, first)}`);
  expect(checkShape(second, recorded)).toBe(`Record version 2 of flow transfer beside the others:\n${at(2, second)}`);
});

test("S12: a step that is asked again needs no function for fields that it still has", () => {
  const asked = { ...second, migrate: { 1: { payee: { to: "recipient", again: true }, amount: { again: true } } } };
  expect(checkShape(asked, recorded)).toMatch(/^Record version 2/);
});

test("S12: a version that goes back is found, and so is another way that steps hang together", () => {
  expect(checkShape(first, { 2: shapeOf(second) })).toBe(
    "Flow transfer is at version 1, and version 2 is recorded: raise it.",
  );
  const tied = defineFlow({ ...first, steps: { payee, amount: { ...amount, dependsOn: ["payee"] } } });
  expect(checkShape(tied as unknown as AnyFlow, recorded)).toContain("migrate: {\n  1: {},\n},");
});
