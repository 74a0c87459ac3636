import { expectTypeOf, test } from "vitest";
import { createTestServer, serve, type OtherDevice, type Seed, type TestServer } from "./index.ts";
import { transfer } from "./testing/bank.ts";

const complete = () => ({ reference: "R-1" });

test("a handler gets the input of its step, and gives its output", () => {
  serve(transfer, {
    steps: {
      amount: (context) => {
        expectTypeOf(context.input).toEqualTypeOf<{ cents: number; note?: string | undefined }>();
        expectTypeOf(context).not.toHaveProperty("tx");
        return context.input.cents > 5 ? context.refuse("Too much.") : { feeCents: 25 };
      },
    },
    complete: ({ data }) => {
      expectTypeOf(data.review).toEqualTypeOf<{ accepted: true }>();
      return complete();
    },
  });
  // @ts-expect-error The output has no such field.
  serve(transfer, { steps: { amount: () => ({ fee: 25 }) }, complete });
  // @ts-expect-error The step has an output, so it needs a handler.
  serve(transfer, { complete });
});

test("a seed takes the steps of its flow, with their inputs and drafts", () => {
  expectTypeOf<Seed<typeof transfer>["at"]>().toEqualTypeOf<"recipient" | "amount" | "review" | undefined>();
  const server = {} as TestServer;
  const check = () => [
    server.seed(transfer, { at: "review", data: { recipient: { name: "Ada", iban: "BE1" }, amount: { cents: 5 } } }),
    server.seed(transfer, { drafts: { amount: { cents: "12," } } }),
    // @ts-expect-error There is no such step.
    server.seed(transfer, { at: "summary" }),
    // @ts-expect-error The amount is a number.
    server.seed(transfer, { data: { amount: { cents: "5" } } }),
    // @ts-expect-error There is no such field.
    server.seed(transfer, { drafts: { amount: { euros: "12," } } }),
  ];
  expectTypeOf(check).toBeFunction();
});

test("another device submits and types what its step takes", () => {
  const laptop = {} as OtherDevice;
  const check = () => [
    laptop.submit(transfer, "id", "amount", { cents: 5 }),
    laptop.draft(transfer, "id", "amount", { cents: "12," }),
    // @ts-expect-error The amount is a number.
    laptop.submit(transfer, "id", "amount", { cents: "5" }),
    // @ts-expect-error There is no such step.
    laptop.submit(transfer, "id", "summary", {}),
    // @ts-expect-error There is no such field.
    laptop.draft(transfer, "id", "amount", { euros: "12," }),
  ];
  expectTypeOf(check).toBeFunction();
});

test("a test server takes flows, and flows that `serve` made", () => {
  expectTypeOf(createTestServer).toBeCallableWith({
    flows: [transfer, serve(transfer, { steps: { amount: () => ({ feeCents: 1 }) }, complete })],
  });
  expectTypeOf(createTestServer).returns.toEqualTypeOf<TestServer>();
});
