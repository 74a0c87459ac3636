import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import type { SubmitCommand } from "../protocol/command.ts";
import { defineFlow, type AnyFlow } from "../flow/flow.ts";
import type { Json } from "../json.ts";
import { liftSession } from "./lift.ts";
import { progressOf } from "./progress.ts";
import { advance } from "./advance.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { step } from "../flow/step.ts";
import { accepted } from "../testing/accepted.ts";
import { START_MS, devices, draft, idOf, start, submit, typedBy } from "../testing/commands.ts";
import { walks } from "../testing/walk.ts";
import { redact } from "./redact.ts";

const given = { nowMs: START_MS, device: devices[0] };
const card = z.object({ number: z.string() });
const payment = defineFlow({
  name: "payment",
  version: 1,
  steps: {
    amount: step({ input: z.object({ cents: z.int() }) }),
    card: step({ input: card, sensitive: true, dependsOn: ["amount"] }),
    review: step({ input: z.object({ accepted: z.literal(true) }) }),
  },
});

function submitted(flow: AnyFlow, session: Snapshot, name: string, input: Json, seen: SubmitCommand["seen"] = {}) {
  return accepted(advance(flow, session, submit(idOf(0), name, input, { id: idOf(9), seen }), given));
}

const begun = (flow: AnyFlow) => accepted(advance(flow, null, start(idOf(0), flow.name), given));

const withAmount = submitted(payment, begun(payment), "amount", { cents: 1 });
const withCard = submitted(payment, withAmount, "card", { number: "4111" }, { amount: idOf(9) });

test("S11: a device that is not told what sensitive steps hold comes to the same place, and judges as the server does", () => {
  fc.assert(
    fc.property(walks, ({ flow, turns }) => {
      for (const { before, command, given: circumstances, result } of turns) {
        const told = before && redact(flow, before);
        const judged = advance(flow, told, command, circumstances);
        expect(judged.accepted).toBe(result.accepted);
        if (!judged.accepted && !result.accepted) expect(judged.refusal).toEqual(result.refusal);
        if (!judged.accepted || !result.accepted) continue;
        const { session } = result;
        expect(redact(flow, judged.session)).toEqual(redact(flow, session));
        expect(progressOf(flow, redact(flow, session).data)).toEqual(progressOf(flow, session.data));
        for (const [name, value] of Object.entries(redact(flow, session).data)) {
          expect(value).toEqual(flow.steps[name].sensitive ? null : session.data[name]);
        }
        // Nothing of it is typed either, nor offered again once it is cleared.
        for (const name of Object.keys(session.drafts)) expect(flow.steps[name].sensitive).toBe(false);
      }
    }),
    { numRuns: 1_000 },
  );
});

test("S11: a conflict over a sensitive step quotes nothing, and a draft of it is refused", () => {
  const stale = submit(idOf(0), "card", { number: "4222" }, { seen: { amount: idOf(9), card: null } });
  expect(advance(payment, withCard, stale, given)).toMatchObject({ refusal: { code: "conflict", theirs: null } });
  const typed = draft(idOf(0), "card", typedBy(devices[0], { number: "4333" }, START_MS));
  const refused = advance(payment, withAmount, typed, given);
  expect(refused).toMatchObject({ accepted: false, refusal: { code: "invalid_input", step: "card" } });
  expect(JSON.stringify(refused)).not.toContain("4333");
});

test("S11: what was withheld of an earlier version is lifted as withheld", () => {
  const later: AnyFlow = defineFlow({
    name: "payment",
    version: 2,
    steps: {
      amount: payment.steps.amount,
      means: step({ input: card.extend({ holder: z.string() }), sensitive: true, dependsOn: ["amount"] }),
      review: payment.steps.review,
    },
    migrate: { 1: { card: { to: "means", fields: (old) => ({ ...old, holder: "" }) } } },
  });
  const told = redact(later, withCard);
  expect(told.data).toEqual({ amount: { cents: 1 }, card: null });
  expect(liftSession(later, told)).toEqual(redact(later, liftSession(later, withCard)));
  expect(liftSession(later, withCard).data["means"]).toEqual({ number: "4111", holder: "" });
});

test("S11: a step is as secret as the session's own version has it, also where that is newer, gone or unknown", () => {
  const without: AnyFlow = defineFlow({
    name: "payment",
    version: 2,
    steps: { amount: payment.steps.amount, review: payment.steps.review },
    migrate: { 1: { card: null } },
  });
  expect(redact(without, withCard).data).toEqual({ amount: { cents: 1 }, card: null });
  expect(redact({ ...without, migrate: {} }, withCard).data).toEqual({ amount: null, card: null });
  expect(redact(undefined, withCard).data).toEqual({ amount: { cents: 1 }, card: null });
  expect(redact(payment, withAmount)).toBe(withAmount);
});

const inTheOpen: AnyFlow = defineFlow({
  name: "payment",
  version: 2,
  steps: {
    cost: step({ input: z.object({ cents: z.int() }), sensitive: true }),
    card: step({ input: card, dependsOn: ["cost"] }),
    review: payment.steps.review,
  },
  migrate: { 1: { amount: { to: "cost" } } },
});

test("S11: a node of an earlier version tells of a later one's session what the later one tells", () => {
  const lifted = liftSession(inTheOpen, withAmount);
  const drafts = { card: { number: { value: "41", at: `000000000000001-0000-${devices[0].id}` } } };
  const session = { ...lifted, drafts };
  expect(redact(payment, session)).toEqual({ ...session, data: { cost: null } });
  expect(redact(inTheOpen, session)).toEqual(redact(payment, session));
});

test("S11: a step that is sensitive no more is asked again, and what it held is not offered", () => {
  const lifted = liftSession(inTheOpen, withCard);
  expect(lifted.data).toEqual({ cost: { cents: 1 } });
  expect(lifted.drafts).toEqual({});
  expect(lifted.submissions).toMatchObject({ cost: { sensitive: true } });
  expect(liftSession(inTheOpen, redact(payment, withCard)).drafts).toEqual({});
  expect(progressOf(inTheOpen, lifted.data).current).toBe("card");
});
