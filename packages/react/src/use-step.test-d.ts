import { defineFlow, step, type Json } from "@sessions/core";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { KnownSession } from "./use-session.ts";
import type { useStep, UsedStep } from "./use-step.ts";

const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    recipient: step({ input: z.object({ name: z.string() }) }),
    amount: step({ input: z.object({ cents: z.int(), reference: z.string().optional() }) }),
  },
});
type Transfer = typeof transfer;
type Amount = UsedStep<Transfer, "amount">;

test("a step's form knows its fields, what it takes and what its conflict holds", () => {
  const amount = {} as Amount;
  expectTypeOf(amount.values.cents).toEqualTypeOf<Json | undefined>();
  expectTypeOf(amount.issues.reference).toEqualTypeOf<string | undefined>();
  expectTypeOf(amount.submit).toBeCallableWith({ cents: 1 });
  // What is typed may be no valid value yet.
  expectTypeOf(amount.draft).toBeCallableWith({ cents: "12," });
  // @ts-expect-error Not what the step takes.
  amount.submit({ cents: "12," });
  // @ts-expect-error Another step's field.
  amount.draft({ name: "Ada" });
  // @ts-expect-error Another step's field.
  void amount.values.name;
  if (amount.conflict?.kind === "submit") expectTypeOf(amount.conflict.mine.cents).toEqualTypeOf<number>();
  expectTypeOf<NonNullable<Amount["conflict"]>["step"]>().toEqualTypeOf<"amount">();
});

test("a step is one of its flow's", () => {
  expectTypeOf<Parameters<typeof useStep<Transfer, "amount">>>().toEqualTypeOf<[Transfer, string, "amount"]>();
  // @ts-expect-error There is no such step.
  expectTypeOf<UsedStep<Transfer, "sum">>().toBeObject();
});

test("a session that is suspended for is never loading", () => {
  expectTypeOf<KnownSession<Transfer>["status"]>().toEqualTypeOf<
    "missing" | "active" | "completed" | "cancelled" | "expired"
  >();
});
