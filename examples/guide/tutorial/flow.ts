import { defineFlow, step } from "@sessions/core";
import { z } from "zod";

export const repair = defineFlow({
  name: "repair",
  version: 1,
  steps: {
    bike: step({
      input: z.object({
        model: z.string().trim().min(1, "Which bike is it?"),
        problem: z.string().trim().min(1, "What is wrong with it?"),
      }),
    }),
    contact: step({
      input: z.object({ phone: z.string().regex(/^\+?[\d ]{6,}$/, "Enter a phone number.") }),
    }),
    review: step({
      input: z.object({ accepted: z.literal(true) }),
      dependsOn: ["bike", "contact"],
      confirm: true,
    }),
  },
  result: z.object({ ticket: z.int() }),
  expires: { idle: "72h", absolute: "30d" },
});
