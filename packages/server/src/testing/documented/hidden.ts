import { serve } from "@sessions/server";
import { z } from "zod";
import { riskOf } from "./application.ts";
import { transfer } from "./flow.ts";

export const served = serve(transfer, {
  hidden: { recipient: z.object({ risk: z.number() }) },
  steps: {
    recipient: ({ input }) => ({ hidden: { risk: riskOf(input.iban) } }),
    amount: ({ input, hidden, refuse }) =>
      input.cents > 100_000 && hidden.recipient!.risk > 0.8 ? refuse("Call us for this amount.") : { feeCents: 25 },
  },
  complete: ({ hidden, session }) => ({ reference: `${hidden.recipient.risk > 0.5 ? "CHECK" : "R"}-${session.id}` }),
});
