import { expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, type AnyFlow, type FlowOptions } from "../flow/flow.ts";
import { step, type Steps } from "../flow/step.ts";
import { proofRefusal, type Proof } from "./proof.ts";
import { serveFlow } from "./served-flow.ts";

const input = z.object({ cents: z.int() });
const NOW_MS = Date.parse("2026-03-01T12:00:00Z");
const minutesAgo = (minutes: number) => NOW_MS - minutes * 60_000;

const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    amount: step({ input }),
    pin: step({ input, sensitive: true }),
    review: step({ input, confirm: true, fresh: "12h" }),
    close: step({ input, confirm: true, fresh: "5m", level: "aal2" }),
    plain: step({ input, confirm: true }),
    signed: step({ input, confirm: true, level: "aal1" }),
  },
  fresh: {
    review: (data) => {
      if ("pin" in data) throw new Error("A sensitive step is not told.");
      return data.amount && data.amount.cents > 100_000 ? "5m" : undefined;
    },
  },
});

const sessionOf = (cents: number) => ({ data: { amount: { cents }, pin: { cents: 1 } } });
const refusal = (name: string, proof: Proof, cents = 1) =>
  proofRefusal(transfer, name, sessionOf(cents), proof, NOW_MS);

test("a step that asks for nothing takes any proof, or none", () => {
  for (const proof of [{}, { provedAt: 0 }]) {
    expect(refusal("plain", proof)).toBeNull();
    expect(refusal("amount", proof)).toBeNull();
  }
});

test("a proof is fresh up to the stated age, and says what is asked after it", () => {
  expect(refusal("review", { provedAt: minutesAgo(5) }, 100_001)).toBeNull();
  const stale = refusal("review", { provedAt: minutesAgo(5) - 1 }, 100_001);
  expect(stale).toEqual({ code: "sign_in_again", step: "review", freshMs: 300_000 });
});

test("what the flow asks by its data takes the place of what the step asks, also if it is nothing", () => {
  expect(refusal("review", { provedAt: 0 }, 100_000)).toBeNull();
});

test("a proof of a node whose clock is ahead is fresh", () => {
  expect(refusal("review", { provedAt: NOW_MS + 2_000 }, 100_001)).toBeNull();
});

test.for<[string, Proof, boolean]>([
  ["both right", { provedAt: minutesAgo(1), level: "aal2" }, true],
  ["a higher level", { provedAt: minutesAgo(1), level: "aal3" }, true],
  ["too low a level", { provedAt: minutesAgo(1), level: "aal1" }, false],
  ["too old a proof", { provedAt: minutesAgo(6), level: "aal3" }, false],
])("a step may ask for freshness and a level: %s", ([, proof, isRight]) => {
  const asked = { code: "sign_in_again", step: "close", freshMs: 300_000, level: "aal2" };
  expect(refusal("close", proof)).toEqual(isRight ? null : asked);
});

test.for<[string, string, Proof, RegExp]>([
  ["no proof", "review", {}, /^context_invalid: Flow transfer: step review .* no `provedAt`/],
  ["no level", "close", { provedAt: NOW_MS }, /^context_invalid: Flow transfer: step close .* no `level`/],
])("a step that asks for a proof is refused by name if `identify` tells of %s", ([, name, proof, message]) => {
  expect(() => refusal(name, proof)).toThrow(message);
});

const serving = (steps: Steps, fresh?: object) => () => {
  const options = { name: "f", version: 1, steps, fresh } as FlowOptions<"f", Steps, never, undefined, 1, unknown>;
  return serveFlow(defineFlow(options) as AnyFlow, { steps: {}, complete: () => null });
};

test.for<[string, () => unknown, RegExp]>([
  ["a step that is queued", serving({ a: step({ input, fresh: "5m" }) }), /needs `confirm` or `sensitive`/],
  ["a queued step by its data", serving({ a: step({ input }) }, { a: () => "5m" }), /needs `confirm` or `sensitive`/],
  ["a step that is not there", serving({ a: step({ input }) }, { b: () => "5m" }), /step b .* no such step/],
  ["no duration", serving({ a: step({ input, confirm: true, fresh: "soon" as "5m" }) }), /`fresh` that is no duration/],
  ["no level", serving({ a: step({ input, confirm: true, level: "high" as "aal1" }) }), /`level` that is none of/],
])("a flow that asks for a proof of %s is not served", ([, serveIt, message]) => {
  expect(serveIt).toThrow(message);
});

test("a function of the data that throws, or returns no duration, is named, and is no consent", () => {
  const flowWith = (fresh: () => string): AnyFlow =>
    defineFlow({
      name: "f",
      version: 1,
      steps: { a: step({ input, confirm: true }) },
      fresh: { a: fresh as () => "5m" },
    });
  const judged = (fresh: () => string) => () =>
    proofRefusal(flowWith(fresh), "a", sessionOf(1), { provedAt: NOW_MS }, NOW_MS);
  expect(judged(() => "soon")).toThrow("flow_invalid: Flow f: `fresh` of step a returned no duration.");
  const throwing = judged(() => {
    throw new Error("secret");
  });
  expect(throwing).toThrow("flow_invalid: Flow f: `fresh` of step a threw.");
});

test("a visitor, who never proved anything, is asked to sign in at every step that asks for a proof", () => {
  const visitor = { provedAt: null };
  expect(refusal("plain", visitor)).toBeNull();
  expect(refusal("signed", visitor)).toEqual({ code: "sign_in_again", step: "signed", level: "aal1" });
  expect(refusal("review", visitor, 100_001)).toEqual({ code: "sign_in_again", step: "review", freshMs: 300_000 });
  // The flow asks for nothing with these data.
  expect(refusal("review", visitor, 100_000)).toBeNull();
});
