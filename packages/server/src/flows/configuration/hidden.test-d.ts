import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import { serve, type CompleteContext, type ServeOptions, type StepContext } from "./served-flow.ts";

const payment = defineFlow({
  name: "payment",
  version: 1,
  steps: {
    card: step({ input: z.object({ number: z.string() }), output: z.object({ last: z.string() }) }),
    check: step({ input: z.object({ code: z.string() }) }),
    note: step({ input: z.object({ text: z.string() }) }),
    review: step({ input: z.object({}) }),
  },
  path: ({ card }) => ["card", ...(card && card.number.length > 4 ? ["check" as const] : []), "note", "review"],
  result: z.object({ reference: z.string() }),
});
const hidden = { card: z.object({ token: z.string() }), check: z.object({ proof: z.int() }) };
const card = () => ({ output: { last: "1111" }, hidden: { token: "t" } });
const check = () => ({ hidden: { proof: 1 } });
const complete = () => ({ reference: "R" });

test("S23: later handlers and `complete` get typed hidden values, optional where a branch may skip the step", () => {
  serve(payment, {
    hidden,
    steps: {
      card: ({ input, hidden: found, refuse }) => {
        expectTypeOf(found.check).toEqualTypeOf<{ proof: number } | undefined>();
        return input.number === "" ? refuse("No card.") : { output: { last: input.number }, hidden: { token: "t" } };
      },
      check: async ({ hidden: found }) => {
        expectTypeOf(found.card).toEqualTypeOf<{ token: string } | undefined>();
        // @ts-expect-error the note hides nothing
        void found.note;
        return Promise.resolve({ hidden: { proof: 1 } });
      },
      note: ({ hidden: found }) => {
        expectTypeOf(found.card?.token).toEqualTypeOf<string | undefined>();
      },
    },
    complete: ({ hidden: found }) => {
      expectTypeOf(found.card.token).toEqualTypeOf<string>();
      expectTypeOf(found.check).toEqualTypeOf<{ proof: number } | undefined>();
      // @ts-expect-error the note hides nothing
      void found.note;
      return { reference: found.card.token };
    },
  });
  serve(payment, { hidden: { card: hidden.card }, steps: { card, note: () => {} }, complete });
});

test("S23: a hidden value is required where a schema is declared, and refused elsewhere", () => {
  // @ts-expect-error the card hides a token
  serve(payment, { hidden, steps: { card: () => ({ output: { last: "1" } }), check }, complete });
  // @ts-expect-error the output is missing
  serve(payment, { hidden, steps: { card: () => ({ hidden: { token: "t" } }), check }, complete });
  // @ts-expect-error the output stands beside the hidden value
  serve(payment, { hidden, steps: { card: () => ({ last: "1" }), check }, complete });
  // @ts-expect-error the token is text
  serve(payment, { hidden, steps: { card: () => ({ output: { last: "1" }, hidden: { token: 1 } }), check }, complete });
  // @ts-expect-error the check has no output
  serve(payment, { hidden, steps: { card, check: () => ({ output: 1, hidden: { proof: 1 } }) }, complete });
  // @ts-expect-error the check hides something, so it needs a handler
  serve(payment, { hidden, steps: { card }, complete });
  // @ts-expect-error there are no handlers
  serve(payment, { hidden, complete });
  // @ts-expect-error nothing is declared
  serve(payment, { steps: { card }, complete });
  // @ts-expect-error the note declares nothing
  serve(payment, { hidden, steps: { card, check, note: () => ({ hidden: { proof: 1 } }) }, complete });
  // @ts-expect-error there is no such step
  serve(payment, { hidden: { ...hidden, pin: z.string() }, steps: { card, check }, complete });
  // @ts-expect-error a date is no JSON
  serve(payment, { hidden: { card: z.date() }, steps: { card }, complete });
  // @ts-expect-error nothing is hidden
  serve(payment, { steps: { card: ({ hidden: found }) => ({ last: found.card }) }, complete });
});

test("S23: the types of options and contexts can be named", () => {
  const options: ServeOptions<typeof payment, typeof hidden> = { hidden, steps: { card, check }, complete };
  serve(payment, options);
  expectTypeOf<CompleteContext<typeof payment, typeof hidden>["hidden"]["card"]>().toEqualTypeOf<{ token: string }>();
  expectTypeOf<keyof StepContext<typeof payment, "note">["hidden"]>().toEqualTypeOf<never>();
});
