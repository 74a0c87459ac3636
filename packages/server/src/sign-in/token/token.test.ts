import fc from "fast-check";
import { expect, test } from "vitest";
import { base64url, parseToken, tokenText, type Token } from "./token.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const owners = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }).filter((text) => text.length <= 200);
const tokens: fc.Arbitrary<Token> = fc.record({
  owner: owners.filter((text) => text.isWellFormed() && !text.includes("\0")),
  id: bytes(16).map(base64url),
  generation: fc.nat(1_000_000_000),
  branch: bytes(8).map(base64url),
  secret: bytes(32),
});

test("a token is read as it was written", () => {
  fc.assert(
    fc.property(tokens, (token) => {
      const read = parseToken(tokenText(token));
      expect(read).toEqual({ ...token, secret: Buffer.from(token.secret) });
    }),
  );
});

test("the longest owner fits, and one character more is nobody", () => {
  const token = { ...fc.sample(tokens, 1)[0]!, owner: "€".repeat(200) };
  expect(parseToken(tokenText(token))?.owner).toBe(token.owner);
  expect(parseToken(tokenText({ ...token, owner: "€".repeat(201) }))).toBeUndefined();
});

test("S18: a text that differs in any way from a token's is nobody, or another token", () => {
  const other = fc.constantFrom(..."ABab01-_.=+/ \0\n%é".split(""));
  fc.assert(
    fc.property(tokens, fc.double({ min: 0, max: 0.999, noNaN: true }), other, (token, place, character) => {
      const text = tokenText(token);
      const at = Math.floor(place * text.length);
      const changed = [
        text.slice(0, at),
        text.slice(at + 1),
        `${text.slice(0, at)}${character}${text.slice(at)}`,
        `${text.slice(0, at)}${character}${text.slice(at + 1)}`,
      ];
      for (const one of changed.filter((candidate) => candidate !== text)) {
        const read = parseToken(one);
        // What is read at all is written so and in no other way.
        if (read) expect(tokenText(read)).toBe(one);
      }
    }),
  );
});

test.each<readonly [field: number, name: string, wrong: readonly string[]]>([
  [0, "owner", ["", "_w", "AA", "QQ==", "QR", "Q Q", Buffer.alloc(2_000, "a").toString("base64url"), "w4"]],
  [1, "id", ["", "A".repeat(21), "A".repeat(23), "B".repeat(22), `${"A".repeat(21)}=`, `${"A".repeat(21)}+`]],
  [2, "generation", ["", "-1", "01", "1.0", "1e3", " 1", "0x1", "٣", "1000000001", "9".repeat(40), "NaN", "Infinity"]],
  [3, "branch", ["", "A".repeat(10), "A".repeat(12), "B".repeat(11), `${"A".repeat(10)}/`]],
  [4, "secret", ["", "A".repeat(42), "A".repeat(44), "B".repeat(43), `${"A".repeat(43)}=`, "A".repeat(4_000)]],
])("S18: a token with a wrong field %i, the %s, is nobody", (field, _name, wrong) => {
  const right = ["QWRh", "A".repeat(22), "0", "A".repeat(11), "A".repeat(43)];
  expect(parseToken(right.join("."))).toBeDefined();
  for (const text of wrong) expect(parseToken(right.with(field, text).join(".")), text).toBeUndefined();
});

test("S18: cut, joined and doubled tokens are nobody", () => {
  const right = ["QWRh", "A".repeat(22), "0", "A".repeat(11), "A".repeat(43)].join(".");
  for (const text of [
    "",
    ".",
    "....",
    right.slice(0, -44),
    `${right}.`,
    `.${right}`,
    `${right}.${right}`,
    ` ${right}`,
  ]) {
    expect(parseToken(text), text).toBeUndefined();
  }
});
