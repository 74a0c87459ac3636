import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { defineFlow } from "../flow/flow.ts";
import type { Json } from "../json.ts";
import { advance, seenBy } from "./advance.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { step } from "../flow/step.ts";
import { accepted } from "../testing/accepted.ts";
import { devices, draft, idOf, start, START_MS, submit, typedBy } from "../testing/commands.ts";

const input = z.object({ n: z.int() });
const flow = defineFlow({
  name: "chain",
  version: 1,
  steps: {
    who: step({ input }),
    amount: step({ input, dependsOn: ["who"] }),
    fees: step({ input, dependsOn: ["amount"] }),
    note: step({ input }),
    agree: step({ input, dependsOn: ["fees"], confirm: true }),
    extra: step({ input }),
    review: step({ input, dependsOn: ["who"] }),
  },
  path: ({ who }) => [
    "who",
    "amount",
    "fees",
    "note",
    "agree",
    ...(who && who.n > 100 ? (["extra"] as const) : []),
    "review",
  ],
});
type Name = keyof typeof flow.steps;
const [phone, laptop] = devices;

const started = accepted(advance(flow, null, start(idOf(0), "chain"), { nowMs: START_MS, device: phone }));

function submitBy(
  session: Snapshot,
  name: Name,
  value: number,
  { nowMs = START_MS, device = phone, seen = seenBy(flow, session, name) } = {},
) {
  return advance(flow, session, submit(session.id, name, { n: value }, { seen }), { nowMs, device });
}

const submitted = (session: Snapshot, ...values: readonly (readonly [Name, number])[]): Snapshot =>
  values.reduce((before, [name, value]) => accepted(submitBy(before, name, value)), session);

const filled = submitted(started, ["who", 1], ["amount", 2], ["fees", 3], ["note", 4], ["agree", 5]);
const offered = (session: Snapshot) =>
  Object.fromEntries(Object.entries(session.drafts).map(([name, fields]) => [name, fields["n"]?.value as Json]));

test("submitting a step again clears what depends on it, directly or through another, and nothing else", () => {
  const changed = submitted(filled, ["who", 10]);
  expect(changed.data).toEqual({ who: { n: 10 }, note: { n: 4 } });
  expect(Object.keys(changed.submissions).toSorted()).toEqual(["note", "who"]);
});

test("what is cleared is offered again as a draft, but for a step that confirms", () => {
  expect(offered(submitted(filled, ["who", 10]))).toEqual({ amount: 2, fees: 3 });
});

test("a value of a cleared step does not displace what has been typed there since", () => {
  const drafted = draft(filled.id, "amount", typedBy(laptop, { n: 99 }, START_MS + 1));
  const typed = accepted(advance(flow, filled, drafted, { nowMs: START_MS + 1, device: laptop }));
  expect(offered(submitted(typed, ["who", 10]))).toEqual({ amount: 99, fees: 3 });
});

test("a step that is cleared is the current one again, and reaches the end by being submitted again", () => {
  const again = submitted(filled, ["who", 10], ["amount", 2], ["fees", 3], ["agree", 5], ["review", 6]);
  expect(again.status).toBe("completed");
  expect(again.drafts).toEqual({});
});

test("a confirming step is refused when what it depends on has changed since the person looked", () => {
  const ready = submitted(started, ["who", 1], ["amount", 2], ["fees", 3], ["note", 4]);
  const looked = seenBy(flow, ready, "agree");
  const changed = submitted(ready, ["fees", 30]);
  expect(submitBy(changed, "agree", 5, { seen: looked })).toEqual({
    accepted: false,
    refusal: { code: "conflict", step: "agree", changed: ["fees"], theirs: null },
  });
});

test("data of steps that leave the path is kept while the session is active, and dropped when it completes", () => {
  const detour = submitted(filled, ["who", 101], ["amount", 2], ["fees", 3], ["agree", 5], ["extra", 7]);
  const back = submitted(detour, ["who", 1], ["amount", 2], ["fees", 3], ["agree", 5]);
  expect(back.data).toMatchObject({ extra: { n: 7 } });
  const completed = submitted(back, ["review", 6]);
  expect(completed.status).toBe("completed");
  expect(Object.keys(completed.data)).not.toContain("extra");
  expect(Object.keys(completed.submissions)).not.toContain("extra");
});

test("what the server computed for a step goes with the step's data, when it is cleared and when it leaves the path", () => {
  const computed = { ...filled, outputs: { who: "old", amount: "fee", note: "kept", extra: "off the path" } };
  const changed = submitted(computed, ["who", 10]);
  expect(changed.outputs).toEqual({ note: "kept", extra: "off the path" });
  expect(submitted(computed, ["review", 6]).outputs).toEqual({ who: "old", amount: "fee", note: "kept" });
});

test("a change that puts a new step before the last one leaves the session active", () => {
  const longer = submitted(filled, ["who", 101], ["amount", 2], ["fees", 3], ["agree", 5]);
  expect(submitBy(longer, "review", 6)).toMatchObject({
    refusal: { code: "step_unreachable", step: "review", current: "extra" },
  });
});

test("S3: submissions of two steps that do not depend on each other never conflict, and commute where both are reachable", () => {
  const names = ["who", "amount", "fees", "note", "agree"] as const;
  const independent = fc
    .tuple(fc.constantFrom(...names), fc.constantFrom(...names))
    .filter(([one, other]) => one !== other && (one === "note" || other === "note"));
  const seen = Object.fromEntries(names.map((name) => [name, seenBy(flow, filled, name)]));
  fc.assert(
    fc.property(independent, fc.integer(), fc.integer(), ([one, other], mine, theirs) => {
      const first = (session: Snapshot) => submitBy(session, one, mine, { seen: seen[one]!, device: phone });
      const second = (session: Snapshot) => submitBy(session, other, theirs, { seen: seen[other]!, device: laptop });
      const forth = second(accepted(first(filled)));
      const back = first(accepted(second(filled)));
      for (const result of [forth, back]) if (!result.accepted) expect(result.refusal.code).toBe("step_unreachable");
      if (!forth.accepted || !back.accepted) return;
      expect(forth.session.data).toEqual(back.session.data);
      expect(forth.session.drafts).toEqual(back.session.drafts);
      expect(forth.session.revision).toBe(back.session.revision);
    }),
  );
});
