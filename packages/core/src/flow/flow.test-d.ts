import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { defineFlow } from "./flow.ts";
import type { CompleteData, Data, DraftOf, InputOf, Outputs, ResultOf, VisibleData } from "./flow-data.ts";
import type { Json } from "../json.ts";
import { step } from "./step.ts";

const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    recipient: step({ input: z.object({ name: z.string(), iban: z.string() }) }),
    amount: step({
      input: z.object({ cents: z.int(), reference: z.string().optional() }),
      output: z.object({ feeCents: z.int() }),
    }),
    source: step({ input: z.object({ origin: z.enum(["salary", "sale"]) }) }),
    review: step({ input: z.object({ accepted: z.literal(true) }), dependsOn: ["recipient", "amount"], confirm: true }),
  },
  path: ({ amount }) => [
    "recipient",
    "amount",
    ...(amount && amount.cents > 1_000_000 ? ["source" as const] : []),
    "review",
  ],
  result: z.object({ reference: z.string() }),
  expires: { idle: "72h", absolute: "30d" },
});
type Transfer = typeof transfer;

test("data, outputs, inputs, drafts and results are inferred from the flow", () => {
  expectTypeOf<NonNullable<Data<Transfer>["amount"]>["cents"]>().toEqualTypeOf<number>();
  expectTypeOf<NonNullable<Outputs<Transfer>["amount"]>["feeCents"]>().toEqualTypeOf<number>();
  expectTypeOf<keyof Outputs<Transfer>>().toEqualTypeOf<"amount">();
  expectTypeOf<InputOf<Transfer, "source">>().toEqualTypeOf<{ origin: "salary" | "sale" }>();
  expectTypeOf<keyof DraftOf<Transfer, "amount">>().toEqualTypeOf<"cents" | "reference">();
  expectTypeOf<ResultOf<Transfer>>().toEqualTypeOf<{ reference: string }>();
});

test("a completed session has every step that is on all paths, and may lack the others", () => {
  expectTypeOf<CompleteData<Transfer>["amount"]["cents"]>().toEqualTypeOf<number>();
  expectTypeOf<undefined>().toExtend<CompleteData<Transfer>["source"]>();

  const plain = defineFlow({ name: "plain", version: 1, steps: { only: step({ input: z.object({ n: z.int() }) }) } });
  expectTypeOf<CompleteData<typeof plain>["only"]["n"]>().toEqualTypeOf<number>();
  expectTypeOf<ResultOf<typeof plain>>().toEqualTypeOf<null>();

  const input = z.object({ n: z.int() });
  const free = defineFlow({
    name: "free",
    version: 1,
    steps: { a: step({ input }), b: step({ input }) },
    path: ({ a }): ("a" | "b")[] => (a ? ["a", "b"] : ["a"]),
  });
  expectTypeOf<undefined>().toExtend<CompleteData<typeof free>["a"]>();
});

test("a flow asks for a fresh proof by the data of its steps, but for sensitive ones", () => {
  const input = z.object({ cents: z.int() });
  const review = step({ input: z.object({}), confirm: true, fresh: "12h", level: "aal2" });
  const steps = { amount: step({ input }), pin: step({ input, sensitive: true }), review };
  const flow = { name: "f", version: 1, steps } as const;
  defineFlow({
    ...flow,
    fresh: {
      review: (data) => {
        expectTypeOf(data.amount).toEqualTypeOf<{ cents: number } | undefined>();
        expectTypeOf<keyof typeof data>().toEqualTypeOf<"amount" | "review">();
        return data.amount && data.amount.cents > 100_000 ? "5m" : undefined;
      },
    },
  });
  // @ts-expect-error the flow has no such step
  defineFlow({ ...flow, fresh: { revew: () => "5m" } });
  // @ts-expect-error a duration has a unit
  defineFlow({ ...flow, fresh: { review: () => "5" } });
  // @ts-expect-error there is no such level
  step({ input, confirm: true, level: "aal4" });
});

test("wrong step names, dependencies and values that are not JSON do not compile", () => {
  const input = z.object({ n: z.int() });
  // @ts-expect-error a path may name only steps of the flow
  defineFlow({ name: "f", version: 1, steps: { a: step({ input }) }, path: () => ["b"] });
  // @ts-expect-error a step may depend only on steps of the flow
  defineFlow({ name: "f", version: 1, steps: { a: step({ input, dependsOn: ["b"] }) } });
  // @ts-expect-error a date is not JSON
  step({ input: z.object({ day: z.date() }) });
  // @ts-expect-error a step's input is an object
  step({ input: z.string() });
});

test("a migration into a flow's own version gives the fields of a step that there is", () => {
  const { recipient, amount } = transfer.steps;
  const options = { name: "transfer", steps: { recipient, amount } } as const;
  defineFlow({
    ...options,
    version: 3,
    migrate: {
      1: { recipient: (old) => ({ anything: old["name"] }), gone: null, sum: { to: "total" } },
      2: {
        recipient: (old) => {
          expectTypeOf(old["name"]).toEqualTypeOf<Json | undefined>();
          return { name: old["name"], iban: "" };
        },
        payee: { to: "recipient", fields: ({ name }) => ({ name }), again: true },
        sum: { to: "amount" },
        source: null,
      },
    },
  });
  // @ts-expect-error There is no such field.
  defineFlow({ ...options, version: 2, migrate: { 1: { recipient: (old) => ({ nome: old["name"] }) } } });
  // @ts-expect-error There is no such step.
  defineFlow({ ...options, version: 2, migrate: { 1: { sum: { to: "total" } } } });
  // @ts-expect-error It is not that step's field.
  defineFlow({ ...options, version: 2, migrate: { 1: { sum: { to: "amount", fields: ({ name }) => ({ name }) } } } });
});

test("what a sensitive step holds is known to the server alone, and no path can depend on it", () => {
  const payment = defineFlow({
    name: "payment",
    version: 1,
    steps: {
      amount: step({ input: z.object({ cents: z.int() }) }),
      card: step({ input: z.object({ number: z.string() }), sensitive: true }),
    },
    path: (data) => {
      expectTypeOf(data.amount).toEqualTypeOf<{ cents: number } | undefined>();
      // @ts-expect-error It is not told.
      void data.card;
      return ["amount", "card"];
    },
  });
  expectTypeOf<CompleteData<typeof payment>["card"]>().toEqualTypeOf<{ number: string }>();
  expectTypeOf<VisibleData<typeof payment>["card"]>().toEqualTypeOf<null | undefined>();
  expectTypeOf<VisibleData<typeof payment>["amount"]>().toEqualTypeOf<{ cents: number } | undefined>();
  expectTypeOf<DraftOf<typeof payment, "card">>().toEqualTypeOf<{ readonly number?: never }>();
  expectTypeOf<DraftOf<typeof payment, "amount">>().toEqualTypeOf<{ readonly cents?: Json | undefined }>();
});
