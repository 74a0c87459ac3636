import { z } from "zod";
import { defineFlow, step } from "@sessions/core/internal";

/** A flow as an application has it. It needs no handler, so that a measurement times the server alone. */
export const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    recipient: step({ input: z.object({ name: z.string().min(1), iban: z.string(), bic: z.string().optional() }) }),
    amount: step({ input: z.object({ cents: z.int().positive(), currency: z.enum(["EUR", "USD"]) }) }),
    purpose: step({ input: z.object({ reference: z.string(), note: z.string(), urgent: z.boolean() }) }),
    review: step({ input: z.object({ accepted: z.literal(true) }), confirm: true }),
  },
});

/** The inputs of its steps. */
export const inputs = {
  recipient: { name: "Grace Hopper", iban: "BE71 0961 2345 6769", bic: "GKCCBEBB" },
  amount: { cents: 123_00, currency: "EUR" },
  purpose: { reference: "+++090/9337/55493+++", note: "The second half of the rent for November", urgent: false },
} as const;
