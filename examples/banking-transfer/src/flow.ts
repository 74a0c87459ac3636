import { defineFlow, step } from "@sessions/core";
import { electronicFormatIBAN, isValidIBAN } from "ibantools";
import { z } from "zod";
import { PROOF_ABOVE_CENTS } from "./limits.ts";

/** Above this amount, in cents, the bank asks where the money comes from. */
export const SOURCE_ABOVE_CENTS = 1_000_000;

/** The possible sources of the money of a large transfer, as texts for a person. */
export const origins = {
  salary: "Salary or pension",
  savings: "Savings",
  sale: "Sale of a house, a car or another thing",
  gift: "Gift or inheritance",
} as const;

const NOT_AN_IBAN = "This is not an IBAN: check each digit.";

const Iban = z
  .string()
  .max(60, NOT_AN_IBAN)
  .transform((text) => electronicFormatIBAN(text) ?? "")
  .refine((iban) => isValidIBAN(iban), NOT_AN_IBAN);

/** A bank transfer: the recipient, the amount, the source of a large amount, and the confirmation. */
export const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    recipient: step({
      input: z.object({
        name: z.string().trim().min(1, "Enter the recipient's name.").max(70, "Use at most 70 characters."),
        iban: Iban,
      }),
    }),
    amount: step({
      input: z.object({
        cents: z.int().positive("Enter more than zero.").max(100_000_000, "Enter at most €1,000,000.00."),
        /** What the recipient reads on the statement. */
        reference: z.string().trim().max(140, "Use at most 140 characters.").optional(),
      }),
      output: z.object({ feeCents: z.int() }),
    }),
    source: step({
      input: z.object({
        origin: z.enum(Object.keys(origins) as (keyof typeof origins)[], "Choose where the money comes from."),
      }),
    }),
    review: step({
      input: z.object({ accepted: z.literal(true) }),
      dependsOn: ["recipient", "amount", "source"],
      confirm: true,
      // A visitor fills in a transfer, and signs in to confirm it.
      level: "aal1",
    }),
  },
  path: ({ amount }) => [
    "recipient",
    "amount",
    ...(amount && amount.cents > SOURCE_ABOVE_CENTS ? ["source" as const] : []),
    "review",
  ],
  fresh: { review: ({ amount }) => (amount && amount.cents > PROOF_ABOVE_CENTS ? "5m" : undefined) },
  result: z.object({ reference: z.string() }),
  expires: { idle: "72h", absolute: "30d" },
});

export type Transfer = typeof transfer;
