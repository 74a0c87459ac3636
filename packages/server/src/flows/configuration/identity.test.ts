import { expect, test } from "vitest";
import { identify, type IdentifyResult } from "./identity.ts";

const identified = (answer: unknown) => identify(() => Promise.resolve(answer as IdentifyResult), 1_000);

test.for([null, undefined, false, "", 0])("an empty answer is nobody: %s", async (answer) => {
  expect(await identified(answer)).toBeUndefined();
});

test("an owner may come alone, or with what is known of the sign-in", async () => {
  expect(await identified({ owner: "ada" })).toEqual({ owner: "ada" });
  const onEnded = () => () => {};
  const answer = { owner: "ada", provedAt: 1_772_323_200_000, level: "aal2", onEnded };
  expect(await identified({ ...answer, name: "Ada" })).toEqual(answer);
  const guest = { session: "0197f9e2-7b1c-7000-8000-000000000000" };
  expect(await identified({ owner: "ada", guest })).toEqual({ owner: "ada", guest });
});

test.for<[string, object]>([
  ["no owner", {}],
  ["an empty owner", { owner: "" }],
  ["an owner that is too long", { owner: "x".repeat(201) }],
  ["an owner that no database can hold", { owner: "\0" }],
  ["a time that is a date", { owner: "ada", provedAt: new Date(0) }],
  ["a time that is none", { owner: "ada", provedAt: Number.NaN }],
  ["a level that is not known", { owner: "ada", level: "high" }],
  ["a guest of nothing", { owner: "ada", guest: {} }],
  ["a guest that is none", { owner: "ada", guest: null }],
  ["a guest of no session", { owner: "ada", guest: { session: "high" } }],
  ["an end that is no function", { owner: "ada", onEnded: AbortSignal.abort() }],
])("an answer with %s is refused by name, and is not quoted", async ([, answer]) => {
  await expect(identified(answer)).rejects.toThrow(/^context_invalid: `identify` returns (?!.*(xx|high|1970-))/);
});

test("an application that throws, or takes too long, is named", async () => {
  await expect(identify(() => Promise.reject(new Error("away")), 1_000)).rejects.toMatchObject({
    code: "identify_failed",
  });
  await expect(identify(() => new Promise(() => {}), 1)).rejects.toThrow(/identify_failed: .* within 1 ms/);
});
