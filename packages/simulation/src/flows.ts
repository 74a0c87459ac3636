import { defineFlow, step, type AnyFlow } from "@sessions/core";
import { completions, openSessions, serve, type Served } from "@sessions/server";
import { z } from "zod";

/** How many transfers an owner may complete in a day, and have open at a time. */
export const COMPLETIONS = 2;
export const OPEN = 3;

const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    recipient: step({ input: z.object({ name: z.string().min(1), iban: z.string() }) }),
    amount: step({ input: z.object({ cents: z.int().positive() }), output: z.object({ feeCents: z.int() }) }),
    review: step({ input: z.object({ accepted: z.literal(true) }), dependsOn: ["recipient", "amount"], confirm: true }),
  },
  result: z.object({ reference: z.string() }),
  expires: { idle: "30m", absolute: "3h" },
});

/** Without hooks or limits: what is about revisions alone. */
const notes = defineFlow({
  name: "notes",
  version: 1,
  steps: {
    title: step({ input: z.object({ text: z.string(), tag: z.string().optional() }) }),
    body: step({ input: z.object({ text: z.string() }), dependsOn: ["title"] }),
    end: step({ input: z.object({ text: z.string() }) }),
  },
  expires: { idle: "30m", absolute: "3h" },
});

/** What a page or a node was deployed with. */
export interface Deployment {
  readonly flows: readonly AnyFlow[];
  readonly served: readonly Served[];
}

interface Ledger {
  insertInto(table: "ledger"): { values(row: Record<string, unknown>): { execute(): Promise<unknown> } };
}

export const today: Deployment = {
  flows: [transfer, notes],
  served: [
    serve(notes, {}),
    serve(transfer, {
      limits: [completions({ atMost: COMPLETIONS, per: "day" }), openSessions({ atMost: OPEN })],
      steps: {
        amount: ({ input, refuse }) => (input.cents % 7 === 0 ? refuse("Not by seven.") : { feeCents: 25 }),
      },
      complete: async ({ owner, session, tx }) => {
        const reference = `R-${session.id}`;
        // The simulation's own table, which the server's types know nothing of.
        const ledger = tx as unknown as Ledger;
        await ledger.insertInto("ledger").values({ session_id: session.id, owner, reference }).execute();
        return { reference };
      },
    }),
  ],
};

/** An input for a step that a person might give; `value` makes it one of few. */
export function inputFor(stepName: string, value: number): Record<string, string | number | true> {
  switch (stepName) {
    case "recipient":
      return { name: `Payee ${value}`, iban: `BE${value}` };
    case "amount":
      return { cents: value + 1 };
    case "review":
      return { accepted: true };
    default:
      return { text: `text ${value}` };
  }
}
