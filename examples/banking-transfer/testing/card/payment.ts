import { defineFlow, step } from "@sessions/core";
import { z } from "zod";

/** A payment by card. Only the server may keep the card's number. */
export const payment = defineFlow({
  name: "payment",
  version: 1,
  steps: {
    amount: step({ input: z.object({ note: z.string() }) }),
    card: step({ input: z.object({ number: z.string() }), sensitive: true }),
    review: step({ input: z.object({ accepted: z.literal(true) }), confirm: true }),
  },
});
