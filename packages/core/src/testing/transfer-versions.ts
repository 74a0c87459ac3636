/** Three versions of one flow, and commands of pages that run them. */
import { z } from "zod";
import type { Command } from "../protocol/command.ts";
import { defineFlow, type AnyFlow } from "../flow/flow.ts";
import type { Json } from "../json.ts";
import { advance, seenBy } from "../session/advance.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { step } from "../flow/step.ts";
import { accepted } from "./accepted.ts";
import { cancel, devices, draft, idOf, start, START_MS, submit, typedBy } from "./commands.ts";

const [phone] = devices;

export const session = idOf(0);

export const consent = z.object({ accepted: z.literal(true) });

export const first = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    payee: step({ input: z.object({ first: z.string(), last: z.string().optional() }) }),
    purpose: step({ input: z.object({ text: z.string() }) }),
    amount: step({ input: z.object({ euros: z.int() }), dependsOn: ["payee"] }),
    review: step({ input: consent, dependsOn: ["payee", "amount"], confirm: true }),
  },
});

export const second = defineFlow({
  name: "transfer",
  version: 2,
  steps: {
    recipient: step({ input: z.object({ name: z.string().min(2), country: z.string() }) }),
    amount: step({ input: z.object({ cents: z.int() }), dependsOn: ["recipient"] }),
    review: step({ input: consent, dependsOn: ["recipient", "amount"], confirm: true }),
  },
  migrate: {
    1: {
      payee: {
        to: "recipient",
        fields: ({ first: given, last }) => ({
          name: [given, last].flatMap((name) => (typeof name === "string" ? name : [])).join(" "),
          country: "BE",
        }),
      },
      purpose: null,
      amount: ({ euros }) => ({ cents: typeof euros === "number" ? euros * 100 : euros }),
    },
  },
});

/** The amount is now computed on, so that it is asked again. */
export const third = defineFlow({
  name: "transfer",
  version: 3,
  steps: {
    ...second.steps,
    amount: step({ input: z.object({ cents: z.int() }), output: z.object({ fee: z.int() }), dependsOn: ["recipient"] }),
  },
  migrate: { ...second.migrate, 2: { amount: { again: true } } },
});

export const starting = (version = 1) => start(session, "transfer", { version });

export const cancelling = (version = 1) => cancel(session, { version });

export function submitting(flow: AnyFlow, at: Snapshot, name: string, input: Json): Command {
  return submit(session, name, input, { version: flow.version, seen: seenBy(flow, at, name) });
}

export function drafting(
  version: number,
  name: string,
  values: Record<string, Json>,
  atMs = START_MS,
  by = phone,
): Command {
  return draft(session, name, typedBy(by, values, atMs), { version });
}

/** A session of version 1 after these steps. */
export function begun(...inputs: readonly (readonly [string, Json])[]): Snapshot {
  let at = taken(first, null, starting());
  for (const [name, input] of inputs) at = taken(first, at, submitting(first, at, name, input));
  return at;
}

export function judged(flow: AnyFlow, before: Snapshot | null, command: Command) {
  return advance(flow, before, command, { nowMs: START_MS + 60_000, device: phone });
}

export function taken(flow: AnyFlow, before: Snapshot | null, command: Command): Snapshot {
  return accepted(judged(flow, before, command));
}

export const payee = ["payee", { first: "Ada", last: "Lovelace" }] as const;

export const recipient = { name: "Ada Lovelace", country: "BE" };
