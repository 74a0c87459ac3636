import { expect, test } from "vitest";
import { takeRandomBytes } from "./random-bytes.ts";

test("nobody gets bytes that another one got, also when the system is asked again", () => {
  const taken = Array.from({ length: 2_000 }, () => takeRandomBytes(16));
  expect(new Set(taken.map((bytes) => bytes.toString("hex"))).size).toBe(2_000);
  expect(taken.every(({ length }) => length === 16)).toBe(true);
});

test("what was taken is kept nowhere else", () => {
  const taken = takeRandomBytes(16);
  const copy = Buffer.from(taken);
  taken.fill(0);
  takeRandomBytes(4_096);
  expect(taken.equals(copy)).toBe(false);
  expect(taken.equals(Buffer.alloc(16))).toBe(true);
});
