import { expect, test } from "vitest";
import {
  BOUND_KEPT_MS,
  BOUND_MS,
  boundCookie,
  boundUntilMs,
  challengeNumber,
  challengeOf,
  createBinding,
  registrationChallenge,
} from "./device-binding.ts";

const start = Date.UTC(2026, 5, 1);
const binding = createBinding("a key", start);
const other = createBinding("a key", start);
const at = (number: number) => ({ ...binding, number });

test("the last two challenges may be answered, each for twenty minutes, and on each node", () => {
  const text = challengeOf(at(7), "id", start);
  expect(challengeNumber(at(7), "id", text, start)).toBe(7);
  expect(challengeNumber(at(8), "id", text, start + 1_199_000)).toBe(7);
  for (const [now, atMs] of [
    [at(9), start],
    [at(6), start],
    [at(7), start + 1_200_000],
    [{ ...other, number: 7 }, start],
  ] as const) {
    expect(challengeNumber(now, "id", text, atMs)).toBeUndefined();
  }
  expect(challengeNumber(at(7), "another id", text, start)).toBeUndefined();
});

test("a challenge that a browser gets with a short cookie is still good when the cookie is gone", () => {
  expect(challengeNumber(binding, "id", challengeOf(binding, "id", start), start + BOUND_MS)).toBe(1);
});

test("S18: a short cookie is good for ten minutes, for its own sign-in, and no browser keeps it as long", () => {
  const text = boundCookie(binding, "id", start);
  expect(boundUntilMs(binding, "id", text, start)).toBe(start + BOUND_MS);
  expect(boundUntilMs(binding, "id", text, start + BOUND_MS - 1)).toBe(start + BOUND_MS);
  expect(boundUntilMs(binding, "id", text, start + BOUND_MS)).toBeUndefined();
  expect(boundUntilMs(binding, "another id", text, start)).toBeUndefined();
  expect(boundUntilMs(other, "id", text, start)).toBeUndefined();
  expect(BOUND_KEPT_MS).toBeLessThan(BOUND_MS);
  expect(boundCookie(binding, "id", start)).not.toBe(text);
});

test("S18: nothing stands in for a short cookie: no challenge, and no text with another number", () => {
  const text = boundCookie(binding, "id", start);
  const [untilMs, nonce, code] = text.split(".") as [string, string, string];
  for (const forged of [
    "",
    "..",
    challengeOf(binding, "id", start),
    `${Number(untilMs) + 1}.${nonce}.${code}`,
    `${untilMs}.${Number(nonce) + 1}.${code}`,
    `${untilMs}.${nonce}.${code.slice(1)}A`,
    `${untilMs}.${nonce}`,
    `${text}.`,
  ]) {
    expect(boundUntilMs(binding, "id", forged, start)).toBeUndefined();
  }
  expect(challengeNumber(binding, "id", text, start)).toBeUndefined();
});

test("the challenge of a registration is of one secret and one sign-in, and does not tell the secret", () => {
  const secret = Buffer.alloc(32, 7);
  const challenge = registrationChallenge(secret, "id");
  expect(registrationChallenge(secret, "id")).toBe(challenge);
  expect(registrationChallenge(secret, "another id")).not.toBe(challenge);
  expect(registrationChallenge(Buffer.alloc(32, 8), "id")).not.toBe(challenge);
  expect(challenge).not.toContain(secret.toString("base64url"));
});
