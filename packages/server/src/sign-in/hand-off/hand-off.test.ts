import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { askingBrowser } from "../../testing/visits/asking-browser.ts";
import { LETTERS_MS, MAX_OFFERS, MAX_TRIES } from "../keeper/hand-offs/letter-offers.ts";
import { REQUEST_MS } from "../keeper/hand-offs/guest-requests.ts";
import { hashOfAddress } from "./address.ts";
import { claimText, isSignedBy, requestIdOf, storedKey } from "./asking-key.ts";
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

test("S21: all tries that the limits allow find a code with a chance below one in a million", () => {
  // Letters: an owner has a few codes at a time, and each outlives a few wrong tries. Codes can be made again and again.
  const codesADay = (86_400_000 / LETTERS_MS) * MAX_OFFERS;
  expect((codesADay * MAX_TRIES * MAX_OFFERS) / ALPHABET.length ** LETTERS).toBeLessThan(10 ** -5);
  expect((MAX_TRIES * MAX_OFFERS) / ALPHABET.length ** LETTERS).toBeLessThan(10 ** -6);
  // A scanned code: a million guesses a second for its whole life, against ten thousand live ones.
  expect((10 ** 6 * (REQUEST_MS / 1_000) * 10 ** 4) / 2 ** 128).toBeLessThan(10 ** -6);
});

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
  const [browser, other] = [await askingBrowser(), await askingBrowser()];
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
