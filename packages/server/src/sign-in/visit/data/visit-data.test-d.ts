import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import { createSignIns, type Visit } from "../../index.ts";

const signIns = createSignIns({
  database: {} as never,
  data: {
    theme: { schema: z.enum(["light", "dark"]), per: "sign-in" },
    cart: { schema: z.object({ items: z.array(z.string()).default([]), note: z.string().optional() }), per: "owner" },
  },
});
const context = () => signIns.context({} as never);

test("a key has the type of its schema, in each kind of visit", async () => {
  const { visit } = await context();
  expectTypeOf(visit.data.get("theme")).resolves.toEqualTypeOf<"light" | "dark" | undefined>();
  await signIns.fetch(new Request("https://bank.example"), async ({ data }) => {
    expectTypeOf(data.get("cart")).resolves.toEqualTypeOf<{ items: string[]; note?: string | undefined } | undefined>();
    return new Response();
  });
  expectTypeOf((await signIns.read(new Headers())).data).not.toHaveProperty("change");
  // @ts-expect-error There is no such key.
  void visit.data.get("basket");
});

test("a change takes what the schema accepts", async () => {
  const { visit } = await context();
  void visit.data.change("theme", () => "dark");
  void visit.data.change("theme", () => undefined);
  void visit.data.change("cart", (before) => ({ ...before, note: "Gift" }));
  void visit.data.change("cart", (cart = { items: [] }) => ({ items: [...cart.items, "tea"] }));
  // @ts-expect-error It is no theme.
  void visit.data.change("theme", () => "green");
});

test("a visit of an application that registers no types has any key", () => {
  expectTypeOf<Visit["data"]["get"]>().toBeCallableWith("anything");
});

test("without definitions there is no key", async () => {
  const { visit } = await createSignIns({ database: {} as never }).context({} as never);
  // @ts-expect-error There is no such key.
  void visit.data.get("theme");
});
