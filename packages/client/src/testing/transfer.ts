import { defineFlow, step } from "@sessions/core";
import { z } from "zod";

/** A bank transfer, as in the documentation. */
export const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    recipient: step({ input: z.object({ name: z.string().min(1), iban: z.string() }) }),
    amount: step({ input: z.object({ cents: z.int().positive(), reference: z.string().max(140).optional() }) }),
    review: step({ input: z.object({ accepted: z.literal(true) }), dependsOn: ["recipient", "amount"], confirm: true }),
  },
});

export const recipient = { name: "Ada", iban: "BE68539007547034" };
