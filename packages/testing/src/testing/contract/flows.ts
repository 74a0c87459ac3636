import { defineFlow, step, type AnyFlow } from "@sessions/core";
import { maxCompletions, maxOpenSessions } from "@sessions/core/limits";
import { z } from "zod";

const address = step({ input: z.object({ street: z.string().trim().min(1), zip: z.string().optional() }) });
const accepted = z.object({ accepted: z.literal(true) });
const result = z.object({ reference: z.string() });

/** A flow with every kind of step. */
export const order = defineFlow({
  name: "order",
  version: 1,
  steps: {
    payee: step({ input: z.object({ name: z.string().trim().min(1) }) }),
    address,
    amount: step({ input: z.object({ euros: z.int().positive() }), output: z.object({ feeCents: z.int() }) }),
    origin: step({ input: z.record(z.string(), z.json()), dependsOn: ["amount"] }),
    pin: step({ input: z.object({ code: z.string().length(4) }), sensitive: true }),
    place: step({ input: accepted, dependsOn: ["payee", "amount"], confirm: true, fresh: "1h" }),
  },
  path: ({ amount }) => [
    "payee",
    "address",
    "amount",
    ...(amount && amount.euros > 500 ? ["origin" as const] : []),
    "pin",
    "place",
  ],
  result,
  expires: { idle: "3h", absolute: "5h" },
});

/** Its next version. */
export const nextOrder = defineFlow({
  name: "order",
  version: 2,
  steps: {
    recipient: step({ input: z.object({ fullName: z.string().min(3) }) }),
    address,
    amount: step({ input: z.object({ cents: z.int() }), output: z.object({ feeCents: z.int() }) }),
    pin: step({ input: z.object({ code: z.string().length(4) }), sensitive: true }),
    place: step({ input: accepted, dependsOn: ["recipient", "amount"], confirm: true }),
  },
  result,
  expires: { idle: "3h", absolute: "5h" },
  migrate: {
    1: {
      payee: { to: "recipient", fields: ({ name }) => ({ fullName: name }) },
      amount: ({ euros }) => ({ cents: typeof euros === "number" ? euros * 100 : euros }),
      origin: null,
    },
  },
});

/** A flow of one step, with limits. */
export const vote = defineFlow({
  name: "vote",
  version: 1,
  steps: { choice: step({ input: z.object({ yes: z.boolean() }) }) },
});

/** A flow whose path function fails. */
export const broken = defineFlow({
  name: "broken",
  version: 1,
  steps: { one: step({ input: z.object({ text: z.string() }) }) },
  path: () => {
    throw new Error("The path is broken.");
  },
});

/** The start of what the handlers hide. No reply has it. */
export const HIDDEN = "Batch-3c9d";

/** A handler's answers by the amount: a refusal, a fault, a wrong output, a wrong hidden value, or a fee. */
function amountAnswer(amount: number, refuse: (reason: string) => { readonly rejected: string }) {
  if (amount === 13) return refuse("Not today.");
  if (amount === 14) throw new Error("The handler is broken.");
  const output = { feeCents: amount === 15 ? ("much" as unknown as number) : 25 };
  return { output, hidden: { batch: amount === 16 ? null : `${HIDDEN}-${amount}` } };
}

/** What both servers serve, given the `serve` of each. */
export function servedBy<Served>(serve: (flow: AnyFlow, options: object) => Served) {
  interface Context {
    readonly input: { readonly euros: number; readonly cents: number; readonly code: string };
    readonly session: { readonly id: string };
    readonly hidden: { readonly amount?: { readonly batch: string }; readonly pin?: string };
    readonly refuse: (reason: string) => { readonly rejected: string };
  }
  const hidden = { amount: z.object({ batch: z.string() }), pin: z.string().min(4) };
  // What was hidden before decides, so both servers must hand it on.
  const pin = ({ input, hidden: { amount } }: Context) => ({
    hidden: `${HIDDEN} ${input.code} ${amount?.batch.length}`,
  });
  const complete = ({ session, hidden: { amount, pin: checked } }: Context) => ({
    reference: `R-${session.id}-${amount?.batch.slice(HIDDEN.length + 1)}-${checked?.length}`,
  });
  const first = serve(order, {
    hidden,
    steps: { amount: ({ input, refuse }: Context) => amountAnswer(input.euros, refuse), pin },
    complete,
  });
  const next = serve(nextOrder, {
    hidden,
    steps: { amount: ({ input, refuse }: Context) => amountAnswer(input.cents, refuse), pin },
    complete,
  });
  const limits = [
    maxCompletions({ atMost: 2, per: "month", timeZone: "Europe/Brussels" }),
    maxCompletions({ atMost: 1, per: { rolling: "2m" } }),
    maxOpenSessions({ atMost: 3 }),
  ];
  const others = [serve(vote, { limits }), serve(broken, {})];
  return { first: [first, ...others], next: [next, ...others] };
}
