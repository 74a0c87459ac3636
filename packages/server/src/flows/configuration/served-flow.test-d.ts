import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import { serve } from "./served-flow.ts";

const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    amount: step({ input: z.object({ cents: z.int() }), output: z.object({ feeCents: z.int() }) }),
    source: step({ input: z.object({ origin: z.string() }) }),
    review: step({ input: z.object({ accepted: z.literal(true) }) }),
  },
  path: ({ amount }) => ["amount", ...(amount && amount.cents > 100 ? ["source" as const] : []), "review"],
  result: z.object({ reference: z.string() }),
});
const complete = () => ({ reference: "R" });
const amount = () => ({ feeCents: 1 });

test("handlers are given typed input, data and outputs", () => {
  serve(transfer, {
    steps: {
      amount: ({ input, data, refuse }) => {
        expectTypeOf(input.cents).toEqualTypeOf<number>();
        expectTypeOf(data.source).toEqualTypeOf<{ origin: string } | undefined>();
        return input.cents > 5 ? refuse("Too much.") : { feeCents: 1 };
      },
      source: ({ input }) => {
        expectTypeOf(input.origin).toEqualTypeOf<string>();
      },
    },
    complete: async ({ data, outputs }) => {
      expectTypeOf(data.amount.cents).toEqualTypeOf<number>();
      expectTypeOf(data.source).toEqualTypeOf<{ origin: string } | undefined>();
      expectTypeOf(outputs.amount.feeCents).toEqualTypeOf<number>();
      return Promise.resolve({ reference: "R" });
    },
  });
});

test("a missing or wrong handler does not compile", () => {
  // @ts-expect-error the amount has an output: it needs a handler
  serve(transfer, { complete });
  // @ts-expect-error the flow has a result: it needs `complete`
  serve(transfer, { steps: { amount } });
  // @ts-expect-error there is no such step
  serve(transfer, { steps: { amount, cents: amount }, complete });
  // @ts-expect-error the output lacks the fee
  serve(transfer, { steps: { amount: () => ({}) }, complete });
  // @ts-expect-error the result has no such shape
  serve(transfer, { steps: { amount }, complete: () => ({ ref: 1 }) });
});
