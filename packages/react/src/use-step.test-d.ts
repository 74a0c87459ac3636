import { defineFlow, step, type Json } from "@sessions/core";
import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { UseSuspenseSessionResult } from "./use-session.ts";
import type { useStep, UseStepResult } from "./use-step.ts";

const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    recipient: step({ input: z.object({ name: z.string() }) }),
    amount: step({ input: z.object({ cents: z.int(), reference: z.string().optional() }) }),
    invoice: step({
      input: z.object({
        total: z.string().transform(Number),
        any: z.coerce.number(),
        address: z.object({ street: z.string() }),
        lines: z.array(z.object({ amount: z.number(), tags: z.array(z.string()) })),
        extra: z.record(z.string(), z.boolean()).optional(),
      }),
    }),
    secret: step({ input: z.object({ pin: z.string() }), sensitive: true }),
    free: step({ input: z.object({ name: z.string() }).catchall(z.json()) }),
    either: step({ input: z.union([z.object({ a: z.number() }), z.object({ b: z.string() })]) }),
  },
});
type Transfer = typeof transfer;
type Amount = UseStepResult<Transfer, "amount">;

test("a step's form knows its fields, what it takes and what its conflict holds", () => {
  const amount = {} as Amount;
  expectTypeOf(amount.values.cents).toEqualTypeOf<number | string | null | undefined>();
  expectTypeOf(amount.values.reference).toEqualTypeOf<string | null | undefined>();
  expectTypeOf(amount.issues.reference).toEqualTypeOf<string | undefined>();
  expectTypeOf(amount.submit).toBeCallableWith({ cents: 1 });
  // A typed value may not be valid yet.
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

test("a form's values are what was typed: a step's input, or text, as far as it has come", () => {
  type Invoice = UseStepResult<Transfer, "invoice">;
  const { values, issues } = {} as Invoice;
  expectTypeOf(values.total).toEqualTypeOf<string | null | undefined>();
  expectTypeOf(values.any).toEqualTypeOf<Json | undefined>();
  expectTypeOf<{ street: string }>().toExtend<Invoice["values"]["address"]>();
  expectTypeOf<[{ amount: "12," }]>().toExtend<Invoice["values"]["lines"]>();
  expectTypeOf<[{ amount: boolean }]>().not.toExtend<Invoice["values"]["lines"]>();
  expectTypeOf<{ yes: true }>().toExtend<Invoice["values"]["extra"]>();
  expectTypeOf(issues[""]).toEqualTypeOf<string | undefined>();
  expectTypeOf(issues["address.street"]).toEqualTypeOf<string | undefined>();
  expectTypeOf(issues["lines.0.amount"]).toEqualTypeOf<string | undefined>();
  expectTypeOf(issues["lines.1.tags.2"]).toEqualTypeOf<string | undefined>();
  expectTypeOf(issues["extra.yes"]).toEqualTypeOf<string | undefined>();
  // @ts-expect-error No such field.
  void issues["address.city"];
  // @ts-expect-error No such field.
  void issues.lnies;
  expectTypeOf<UseStepResult<Transfer, "secret">["values"]["pin"]>().toEqualTypeOf<undefined>();
  expectTypeOf<UseStepResult<Transfer, "free">["values"]["whatever"]>().toEqualTypeOf<Json | undefined>();
  const either = {} as UseStepResult<Transfer, "either">;
  expectTypeOf(either.values.a).toEqualTypeOf<number | string | null | undefined>();
  expectTypeOf(either.values.b).toEqualTypeOf<string | null | undefined>();
  expectTypeOf(either.issues.b).toEqualTypeOf<string | undefined>();
});

test("a step is one of its flow's", () => {
  expectTypeOf<Parameters<typeof useStep<Transfer, "amount">>>().toEqualTypeOf<[Transfer, string, "amount"]>();
  // @ts-expect-error There is no such step.
  expectTypeOf<UseStepResult<Transfer, "sum">>().toBeObject();
});

test("a session that is suspended for is never loading", () => {
  expectTypeOf<UseSuspenseSessionResult<Transfer>["status"]>().toEqualTypeOf<
    "missing" | "active" | "completed" | "cancelled" | "expired"
  >();
});
