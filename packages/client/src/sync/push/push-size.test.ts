import { expect, test } from "vitest";
import { createPushSize } from "./push-size.ts";

test("a push that is too late halves the next one, and quick full pushes double it up to the first size", () => {
  const size = createPushSize(90_000);
  expect(size.maxBytes).toBe(88_000);
  expect(size.reduce(80_000, false)).toBe(true);
  expect(size.maxBytes).toBe(40_000);
  size.passed(39_000, 1_000);
  expect(size.maxBytes).toBe(80_000);
  size.passed(79_000, 1_000);
  expect(size.maxBytes).toBe(88_000);
});

test("a slow push, or a small one, does not make the next one larger", () => {
  const size = createPushSize(90_000);
  size.reduce(80_000, false);
  size.passed(39_000, 10_000);
  size.passed(10_000, 100);
  expect(size.maxBytes).toBe(40_000);
});

test("a push is never again as large as one that a host refused for its size", () => {
  const size = createPushSize(90_000);
  size.reduce(80_000, true);
  size.passed(39_000, 100);
  expect(size.maxBytes).toBe(40_000);
});

test("the smallest push has 2,000 bytes, and a push of that size cannot be made smaller", () => {
  const size = createPushSize(90_000);
  while (size.reduce(size.maxBytes, false));
  expect(size.maxBytes).toBe(2_000);
  expect(createPushSize(100).maxBytes).toBe(2_000);
});
