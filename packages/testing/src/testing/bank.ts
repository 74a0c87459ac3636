import { defineFlow, step } from "@sessions/core";
import { z } from "zod";

/** The flow that the tests of this package run. */
export const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    recipient: step({ input: z.object({ name: z.string().min(1).trim(), iban: z.string() }) }),
    amount: step({
      input: z.object({ cents: z.int().positive(), note: z.string().optional() }),
      output: z.object({ feeCents: z.int() }),
    }),
    review: step({
      input: z.object({ accepted: z.literal(true) }),
      dependsOn: ["recipient", "amount"],
      confirm: true,
    }),
  },
  result: z.object({ reference: z.string() }),
  expires: { idle: "72h", absolute: "30d" },
});

export const recipient = { name: "Grace Hopper", iban: "BE71096123456769" };
export const amount = { cents: 12_300 };
