import { defineFlow, step, type AnyFlow, type Json } from "@sessions/core/internal";
import { maxCompletions, maxOpenSessions, serve, type ServedFlow } from "@sessions/server";
import { z } from "zod";

/** How many transfers an owner may complete in a day, and have open at a time. */
export const MAX_COMPLETIONS = 2;
export const MAX_OPEN = 3;

const expires = { idle: "30m", absolute: "3h" } as const;
const amount = step({ input: z.object({ cents: z.int().positive() }), output: z.object({ feeCents: z.int() }) });
const review = step({
  input: z.object({ accepted: z.literal(true) }),
  dependsOn: ["recipient", "amount"],
  confirm: true,
});
const title = step({ input: z.object({ text: z.string(), tag: z.string().optional() }) });
const body = step({ input: z.object({ text: z.string() }), dependsOn: ["title"] });
const end = step({ input: z.object({ text: z.string() }) });
const result = z.object({ reference: z.string() });

const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: { recipient: step({ input: z.object({ name: z.string().min(1), iban: z.string() }) }), amount, review },
  result,
  expires,
});

/** Without handlers and limits: it tries the revisions alone. */
const notes = defineFlow({ name: "notes", version: 1, steps: { title, body, end }, expires });

/** A recipient has a country. */
const nextTransfer = defineFlow({
  name: "transfer",
  version: 2,
  steps: {
    recipient: step({ input: z.object({ name: z.string().min(1), iban: z.string(), country: z.string() }) }),
    amount,
    review,
  },
  migrate: { 1: { recipient: (old) => ({ ...old, country: "BE" }) } },
  result,
  expires,
});

/** The body has another name. */
const nextNotes = defineFlow({
  name: "notes",
  version: 2,
  steps: { title, content: body, end },
  migrate: { 1: { body: { to: "content" } } },
  expires,
});

/** The flows that a page or a node was deployed with. */
export interface Deployment {
  readonly version: number;
  readonly flows: readonly AnyFlow[];
  readonly served: readonly ServedFlow[];
}

interface Ledger {
  insertInto(table: "ledger"): { values(row: Record<string, unknown>): { execute(): Promise<unknown> } };
}

function deploymentOf(
  version: number,
  ofTransfer: typeof transfer | typeof nextTransfer,
  ofNotes: typeof notes | typeof nextNotes,
): Deployment {
  // Both versions have the same handlers, which read no data that differs.
  const served = serve(ofTransfer as typeof transfer, {
    limits: [maxCompletions({ atMost: MAX_COMPLETIONS, per: "day" }), maxOpenSessions({ atMost: MAX_OPEN })],
    steps: {
      amount: ({ input, refuse }) => (input.cents % 7 === 0 ? refuse("Not by seven.") : { feeCents: 25 }),
    },
    complete: async ({ owner, session, tx }) => {
      const reference = `R-${session.id}`;
      // The simulation's own table, which the server's types do not have.
      const ledger = tx as unknown as Ledger;
      await ledger.insertInto("ledger").values({ session_id: session.id, owner, reference }).execute();
      return { reference };
    },
  });
  return { version, flows: [ofTransfer, ofNotes], served: [serve(ofNotes as typeof notes, {}), served] };
}

export const firstDeployment = deploymentOf(1, transfer, notes);
export const nextDeployment = deploymentOf(2, nextTransfer, nextNotes);

/** An input that a person submitted, in the words of the version that they saw. */
export interface SubmittedInput {
  readonly owner: string;
  readonly version: number;
  readonly step: string;
  readonly input: Json;
}

/** An input for a step that a person might give; `value` makes it one of few. */
export function exampleInput(stepName: string, value: number, version: number): Record<string, string | number | true> {
  switch (stepName) {
    case "recipient":
      return { name: `Payee ${value}`, iban: `BE${value}`, ...(version > 1 && { country: "NL" }) };
    case "amount":
      return { cents: value + 1 };
    case "review":
      return { accepted: true };
    default:
      return { text: `text ${value}` };
  }
}

/** The step and input as a later version must have them. Written by hand, so that it also checks the flows' migrations. */
export function migratedInput(
  version: number,
  { step: name, input, version: given }: SubmittedInput,
): readonly [string, Json] {
  if (given >= version) return [name, input];
  if (name === "recipient") return [name, { ...(input as object), country: "BE" }];
  return [name === "body" ? "content" : name, input];
}
