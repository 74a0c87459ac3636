import { expect, test } from "vitest";
import { parseCents } from "./money.ts";

test.each([
  ["12", 12_00],
  ["12,5", 12_50],
  ["1 234.50 €", 1_234_50],
  ["1.234,56", 1_234_56],
  ["1,234.56", 1_234_56],
  ["1.234,5", 1_234_50],
  ["1.000.000", 1_000_000_00],
  ["1,000,000.00", 1_000_000_00],
])("%s is an amount", (typed, cents) => expect(parseCents(typed)).toEqual({ cents }));

test.each(["1.234", "1,234", "999.999"])("%s can mean two amounts, and is not guessed at", (typed) =>
  expect(parseCents(typed)).toEqual({ issue: expect.stringContaining("two amounts") }),
);

test.each(["", "12,", "abc", "1.23.45", "1.234.56", "1.234,567.8", "1,234,56", "12.3456", "0.123"])(
  "%s is no amount",
  (typed) => expect(parseCents(typed)).toEqual({ issue: expect.stringContaining("Enter an amount") }),
);
