import { expect, test } from "vitest";
import { isFresh, isLevel, levelOf } from "./assurance.ts";

test("a proof is fresh up to its time, to the millisecond", () => {
  expect(isFresh(1_000, 5_000, 6_000)).toBe(true);
  expect(isFresh(1_000, 5_000, 6_001)).toBe(false);
  expect(isFresh(2_000, 5_000, 1_000)).toBe(true);
});

test.each<readonly [factors: readonly string[], level: string | undefined]>([
  [[], undefined],
  [["password"], "aal1"],
  [["totp"], "aal1"],
  [["password", "password"], "aal1"],
  [["totp", "sms"], "aal1"],
  [["magic"], "aal1"],
  [["password", "magic"], "aal1"],
  [["password", "totp"], "aal2"],
  [["passkey"], "aal2"],
  [["security_key"], "aal1"],
  [["password", "security_key"], "aal3"],
  [["hardware_passkey"], "aal3"],
])("%j prove the level %s", (factors, level) => {
  expect(levelOf(factors)).toBe(level);
});

test("a higher level is enough, a lower one is not, and no proof is none", () => {
  expect(isLevel("aal3", "aal2")).toBe(true);
  expect(isLevel("aal2", "aal2")).toBe(true);
  expect(isLevel("aal1", "aal2")).toBe(false);
  expect(isLevel(undefined, "aal1")).toBe(false);
});
