import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { requestingBrowser } from "../../testing/visits/requesting-browser.ts";
import { MAX_REQUESTS } from "../options/hand-off-options.ts";
import { LETTERS_MS, MAX_OFFERS, MAX_TRIES, TRIES_A_DAY } from "../keeper/hand-offs/letter-offers.ts";
import { CODE_BYTES } from "../keeper/hand-offs/guest-requests.ts";
import { hashOfAddress } from "./address.ts";
import { claimText, isSignedBy, requestIdOf, storedKey } from "./request-key.ts";
import { ALPHABET, drawLetters, hashOfLetters, LETTERS, typedLetters } from "./letters.ts";
import { drawNumbers } from "./numbers.ts";

test("letters have no vowel and no look-alike, and all are equally likely", () => {
  expect(ALPHABET).not.toMatch(/[AEIOU01LSZB258]/);
  const counts = new Map<string, number>();
  for (let count = 0; count < 2_000; count += 1) {
    for (const letter of drawLetters(randomBytes)) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  expect(counts.size).toBe(ALPHABET.length);
  const expected = (2_000 * LETTERS) / ALPHABET.length;
  for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(expected / 3);
  // A byte above the last whole multiple of 17 would make the first letters likelier.
  const bytes = [new Uint8Array(8).fill(255), new Uint8Array(8).fill(16)];
  expect(drawLetters(() => bytes.shift()!)).toBe("YYYYYYYY");
});

test("a person may type small letters, spaces and dashes, and any other text is no code", () => {
  expect(typedLetters(" cdfg-hjkm ")).toBe("CDFGHJKM");
  for (const text of ["", "CDFGHJK", "CDFGHJKMM", "CDFGHJKA", "CDFGHJK0", "CDFGHJK\0"])
    expect(typedLetters(text)).toBeNull();
  expect(hashOfLetters("ada", "CDFGHJKM")).not.toBe(hashOfLetters("eve", "CDFGHJKM"));
});

test("S21: all guesses that the limits of a day allow find a code with a chance below one in a million", async () => {
  const page = await readFile(new URL("../../../../../docs/sign-ins/hand-off.md", import.meta.url), "utf8");
  // The limits count by days of UTC, and any 24 hours touch two of them.
  const ofTries = (tries: number) => (2 * tries * MAX_OFFERS) / ALPHABET.length ** LETTERS;
  const guessesASecond = 10 ** 6;
  const chances = {
    "the letters of one owner": ofTries(TRIES_A_DAY.owner),
    "letters from one address, over all owners": ofTries(TRIES_A_DAY.address),
    "a code to scan": (guessesASecond * 86_400 * MAX_REQUESTS) / 2 ** (8 * CODE_BYTES),
  };
  const [limits = "", computed = ""] = page.slice(page.indexOf("## Bounds")).split("### The chance of a guess");
  for (const [guess, chance] of Object.entries(chances)) {
    expect(chance, guess).toBeLessThan(10 ** -6);
    const row = computed.split("\n").find((line) => line.startsWith(`| ${guess} |`));
    expect(row, guess).toContain(`| ${written(chance)} |`);
  }
  const stated = [ALPHABET.length, LETTERS, LETTERS_MS / 60_000, MAX_TRIES, MAX_OFFERS, ...Object.values(TRIES_A_DAY)];
  for (const limit of stated) expect(limits).toMatch(new RegExp(`\\b${limit.toLocaleString("en")}\\b`));
});

/** Such as 4.3 × 10⁻⁸. */
function written(chance: number): string {
  const [digits, power] = chance.toExponential(1).split("e-");
  return `${digits} × 10⁻${power!.replaceAll(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]!)}`;
}

test("three different numbers of two digits are drawn, in any order, and each is as often the right one", () => {
  const places = [0, 0, 0];
  for (let count = 0; count < 3_000; count += 1) {
    const { number, choices } = drawNumbers(randomBytes);
    expect(new Set(choices).size).toBe(3);
    for (const choice of choices) expect(choice >= 10 && choice <= 99).toBe(true);
    places[choices.indexOf(number)]! += 1;
  }
  for (const count of places) expect(Math.abs(count - 1_000)).toBeLessThan(200);
});

test("S21: only the key that asked signs a claim, and a key that is no point of the curve is refused", async () => {
  const [browser, other] = [await requestingBrowser(), await requestingBrowser()];
  const stored = storedKey(browser.publicKey)!;
  const signature = await browser.sign("challenge");
  expect(isSignedBy(stored, claimText("challenge"), signature)).toBe(true);
  expect(isSignedBy(stored, claimText("another"), signature)).toBe(false);
  expect(isSignedBy(stored, claimText("challenge"), await other.sign("challenge"))).toBe(false);
  for (const wrong of ["", "AAAA", "A".repeat(86), signature.slice(1)]) {
    expect(isSignedBy(stored, claimText("challenge"), wrong)).toBe(false);
  }
  expect(storedKey({ ...browser.publicKey, x: "A".repeat(43) })).toBeNull();
});

test("the id of a request tells nothing of its code", () => {
  expect(requestIdOf("code")).toMatch(/^[\w-]{43}$/);
  expect(requestIdOf("code")).not.toBe(requestIdOf("code2"));
});

test("all addresses of one network of IPv6 count as one, and an address is stored as its hash", () => {
  expect(hashOfAddress("2001:db8:1:2::1")).toBe(hashOfAddress("2001:0db8:0001:0002:ffff:1:2:3"));
  expect(hashOfAddress("2001:db8:1:2::1")).not.toBe(hashOfAddress("2001:db8:1:3::1"));
  expect(hashOfAddress("::ffff:192.0.2.1")).toBe(hashOfAddress("192.0.2.1"));
  expect(hashOfAddress("::1")).toBe(hashOfAddress("::2"));
  expect(hashOfAddress("192.0.2.1")).not.toContain("192");
});
