import { expect, test } from "vitest";
import { hashPassword, passwordMatches } from "./passwords.ts";

test("a password fits its own hash alone, and that of nobody never", async () => {
  const hash = await hashPassword("right");
  expect(await passwordMatches("right", hash)).toBe(true);
  expect(await passwordMatches("wrong", hash)).toBe(false);
  expect(await passwordMatches("right")).toBe(false);
});

test("passwords are looked at one by one, and past twenty that wait the rest is told to come back", async () => {
  const looked = await Promise.allSettled(Array.from({ length: 25 }, () => passwordMatches("any")));
  const refused = looked.filter(({ status }) => status === "rejected");
  expect(refused).toHaveLength(4);
  expect(refused[0]).toMatchObject({ reason: { code: "TOO_MANY_REQUESTS" } });
  expect(await passwordMatches("any")).toBe(false);
});
