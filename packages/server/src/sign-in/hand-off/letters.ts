import { hash } from "node:crypto";

/** Letters that nobody takes for another letter or a digit, without vowels: no code is a word. */
export const ALPHABET = "CDFGHJKMNPQRTVWXY";
export const LETTERS = 8;
const CODE = new RegExp(`^[${ALPHABET}]{${LETTERS}}$`);

/** Draws the letters that a person types on the second device. */
export function drawLetters(random: (bytes: number) => Uint8Array): string {
  let letters = "";
  // The bytes above the last whole multiple are thrown away, so that all letters are equally likely.
  const end = 256 - (256 % ALPHABET.length);
  while (letters.length < LETTERS) {
    for (const byte of random(LETTERS)) if (byte < end) letters += ALPHABET[byte % ALPHABET.length];
  }
  return letters.slice(0, LETTERS);
}

/** The letters that a person meant: in small letters, with spaces or dashes. Null for a text that is no code. */
export function typedLetters(text: string): string | null {
  const letters = text.replaceAll(/[\s\-‐-―]/g, "").toUpperCase();
  return CODE.test(letters) ? letters : null;
}

/** The name of the count of an owner's or an address's tries on one day. It tells nothing of either. */
export function hashOfTries(kind: "owner" | "address", of: string, day: number): string {
  return hash("sha256", `hand-off tries on day ${day} of ${kind} ${of}`, "base64url");
}

/** What is stored of the letters. */
export function hashOfLetters(owner: string, letters: string): string {
  return hash("sha256", `hand-off letters ${letters} ${owner}`, "base64url");
}
