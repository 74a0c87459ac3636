import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import type { Service } from "./service.ts";

const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    amount: step({ input: z.object({ cents: z.int() }), output: z.object({ feeCents: z.int() }) }),
    card: step({ input: z.object({ number: z.string() }), sensitive: true }),
  },
  result: z.object({ reference: z.string() }),
});

declare const service: Service;

test("a service is given the types of the flow: inputs, drafts, outputs and the result", async () => {
  const outcome = await service.submit(transfer, "", "amount", { cents: 5 }, { command: "amount" });
  if (outcome.status === "accepted") {
    expectTypeOf(outcome.session.data.amount).toEqualTypeOf<{ cents: number } | undefined>();
    expectTypeOf(outcome.session.data.card).toEqualTypeOf<null | undefined>();
    expectTypeOf(outcome.session.outputs.amount).toEqualTypeOf<{ feeCents: number } | undefined>();
    expectTypeOf(outcome.session.result).toEqualTypeOf<{ reference: string } | null>();
    expectTypeOf(outcome.session.progress.current).toEqualTypeOf<"amount" | "card" | null>();
  } else expectTypeOf(outcome.refusal.code).toBeString();

  await service.draft(transfer, "", "amount", { cents: "12," });
  // @ts-expect-error: the flow has no such step.
  await service.submit(transfer, "", "amout", { cents: 5 });
  // @ts-expect-error: the step takes whole cents.
  await service.submit(transfer, "", "amount", { cents: "5" });
  // @ts-expect-error: a sensitive step has no draft.
  await service.draft(transfer, "", "card", { number: "4111" });
});
