import { expect, test } from "vitest";
import { ReplyBudget } from "./reply-budget.ts";

const of = (bytes: number) => ({ a: "x".repeat(bytes - '{"a":""}'.length) });

test("S25: a reply takes what there is room for, what comes first, and the first of a kind", () => {
  const budget = new ReplyBudget(100);
  expect(budget.spend(of(60))).toBe(60);
  expect(budget.spend(of(41))).toBeNull();
  expect(budget.spend(of(39))).toBe(39);
  expect(budget.isSpent).toBe(false);
  expect(budget.spend(of(50), true)).toBe(50);
  expect(budget.isSpent).toBe(true);
  expect(new ReplyBudget(100).spend(of(1_000))).toBe(1_000);
});
