import { defineFlow, step } from "@sessions/core";
import { z } from "zod";

export const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    recipient: step({ input: z.object({ name: z.string().min(1), iban: z.string() }) }),
    amount: step({
      input: z.object({ cents: z.int().positive() }),
      output: z.object({ feeCents: z.int() }),
    }),
    source: step({ input: z.object({ origin: z.enum(["salary", "savings"]) }) }),
    review: step({ input: z.object({ accepted: z.literal(true) }), dependsOn: ["recipient", "amount"], confirm: true }),
  },
  path: ({ amount }) => [
    "recipient",
    "amount",
    ...(amount && amount.cents > 1_000_000 ? ["source" as const] : []),
    "review",
  ],
  result: z.object({ reference: z.string() }),
  expires: { idle: "72h", absolute: "30d" },
});
