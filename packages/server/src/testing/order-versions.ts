/** Two versions of one flow. The second has other names, and asks for the amount again. */
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";

const address = z.object({ street: z.string() });

export const first = defineFlow({
  name: "order",
  version: 1,
  steps: {
    payee: step({ input: z.object({ name: z.string() }) }),
    address: step({ input: address }),
    amount: step({ input: z.object({ euros: z.int() }) }),
    place: step({ input: z.object({ accepted: z.literal(true) }), dependsOn: ["amount"], confirm: true }),
  },
});

export const second = defineFlow({
  name: "order",
  version: 2,
  steps: {
    recipient: step({ input: z.object({ fullName: z.string() }) }),
    address: step({ input: address }),
    amount: step({ input: z.object({ cents: z.int() }), output: z.object({ feeCents: z.int() }) }),
    place: step({ input: z.object({ accepted: z.literal(true) }), dependsOn: ["amount"], confirm: true }),
  },
  migrate: {
    1: {
      payee: { to: "recipient", fields: ({ name }) => ({ fullName: name }) },
      amount: {
        fields: ({ euros }) => ({ cents: typeof euros === "number" ? euros * 100 : undefined }),
        again: true,
      },
    },
  },
});
