import { expect, test } from "vitest";
import { median, quantile, roundToDigits } from "./statistics.ts";

test("a median is the middle of the sorted numbers, or the mean of the two in the middle", () => {
  expect(median([10, 9, 100])).toBe(10);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("a quantile lies between the nearest two numbers", () => {
  expect(quantile([0, 10], 0.25)).toBe(2.5);
  expect(quantile([5, 1, 3], 1)).toBe(5);
});

test("numbers are rounded to significant digits", () => {
  expect([1234.5, 0.012_345, 7].map((value) => roundToDigits(value))).toEqual([1230, 0.0123, 7]);
});
