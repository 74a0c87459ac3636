import { expect, test, vi } from "vitest";
import { z } from "zod";
import type { DataDefinitions, Json } from "@sessions/core/internal";
import { MemoryKeeper } from "../../../testing/visits/memory-keeper.ts";
import { CurrentSignIn } from "../exchange/current-sign-in.ts";
import { DataHolder } from "./data-holder.ts";
import { KeptData } from "./kept-data.ts";
import { VisitError } from "../exchange/visit-error.ts";

const definitions = {
  count: { schema: z.number().max(1_000), per: "owner" },
  theme: { schema: z.enum(["light", "dark"]), per: "sign-in" },
} satisfies DataDefinitions;

async function createVisit(data: DataDefinitions = definitions, keeper = new MemoryKeeper({ now: () => 0 })) {
  const begun = await keeper.begin({
    owner: "ada",
    factors: ["password"],
    device: "Firefox",
    place: null,
    current: null,
  });
  if (begun.kind === "refused") throw new Error("The sign-in was refused.");
  const requireMethod = vi.fn();
  const kept = new KeptData({
    definitions: data,
    keeper,
    holder: new DataHolder({
      current: new CurrentSignIn(begun.signIn),
      exchange: { requireMethod, requireHeaders: () => {} },
      visitors: undefined,
    }),
    exchange: { ask: (asked) => asked },
  });
  return { kept, keeper, signIn: begun.signIn, requireMethod };
}

const plusOne = (before: Json | undefined) => Number(before ?? 0) + 1;

test("a change that another one overtakes begins again with the newer value", async () => {
  const { kept, keeper } = await createVisit();
  const other = await createVisit(definitions, keeper);
  await kept.change("count", () => 10);
  let held: (() => void) | undefined;
  keeper.gate = () => new Promise((resolve) => (held = resolve));
  const seen: unknown[] = [];
  const slow = kept.change("count", (before) => (seen.push(before), plusOne(before)));
  held!();
  await vi.waitFor(() => expect(seen).toEqual([10]));
  keeper.gate = () => Promise.resolve();
  const release = held!;
  expect(await other.kept.change("count", () => 20)).toBe(20);
  release();
  expect(await slow).toBe(21);
  expect(seen).toEqual([10, 20]);
});

test("what the function does to the value before changes nothing by itself", async () => {
  const { kept } = await createVisit({ list: { schema: z.array(z.number()), per: "owner" } });
  await kept.change("list", () => [1]);
  await kept.change("list", (before) => {
    (before as number[]).push(2);
    return before;
  });
  expect(await kept.get("list")).toEqual([1, 2]);
});

test("a value that the schema refuses is not stored, and no message holds it", async () => {
  const { kept } = await createVisit();
  await kept.change("count", () => 7);
  await expect(kept.change("count", () => 2_345)).rejects.toThrow(/^output_invalid: (?!.*2345).*Nothing was changed/);
  expect(await kept.get("count")).toBe(7);
  expect(await kept.set("count", { base: 1, change: "a", value: 2_345 })).toMatchObject({
    status: "refused",
    refusal: { code: "invalid_input", issues: [{ path: [] }] },
  });
});

test("a stored value that the schema refuses since a deploy is told, and kept", async () => {
  const { kept, keeper } = await createVisit({ cart: { schema: z.array(z.string()), per: "owner" } });
  await kept.change("cart", () => ["tea"]);
  const next = await createVisit({ cart: { schema: z.object({ items: z.array(z.string()) }), per: "owner" } }, keeper);
  await expect(next.kept.get("cart")).rejects.toThrow(/^migration_failed: .*`data.cart`.*version 1/);
  await expect(next.kept.change("cart", () => ({ items: [] }))).rejects.toThrow(/^migration_failed/);
  expect(await kept.get("cart")).toEqual(["tea"]);
});

test("a page's change tells a conflict with the value that stands, and a repeat of it changes nothing twice", async () => {
  const { kept } = await createVisit();
  expect(await kept.set("count", { base: 0, change: "a", value: 1 })).toEqual({ status: "changed", version: 1 });
  expect(await kept.set("count", { base: 0, change: "b", value: 1 })).toEqual({
    status: "conflict",
    version: 1,
    value: 1,
  });
  expect(await kept.set("count", { base: 1, change: "c" })).toEqual({ status: "changed", version: 2 });
  expect(await kept.read("count")).toEqual({ version: 2 });
  expect(await kept.set("count", { base: 0, change: "d", value: 1 })).toEqual({ status: "conflict", version: 2 });
});

test("nothing is changed in a request that may change nothing, or whose sign-in has ended", async () => {
  const { kept, keeper, signIn, requireMethod } = await createVisit();
  requireMethod.mockImplementationOnce(() => {
    throw new VisitError("method_not_allowed");
  });
  await expect(kept.change("count", plusOne)).rejects.toMatchObject({ reason: "method_not_allowed" });
  expect(await kept.get("count")).toBeUndefined();
  await keeper.end("ada", signIn.publicId, "revoked");
  await expect(kept.change("theme", () => "dark")).rejects.toMatchObject({ reason: "signed_out" });
});

test("a key that the option does not have is a mistake of the application, also one that every object has", async () => {
  const { kept } = await createVisit();
  for (const key of ["basket", "constructor"]) {
    await expect(kept.get(key)).rejects.toThrow(/^configuration_invalid/);
    expect(kept.isForPages(key)).toBe(false);
  }
});
