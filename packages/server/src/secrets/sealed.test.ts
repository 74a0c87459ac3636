import { createSecretKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openByWebCrypto, sealByWebCrypto } from "../testing/secrets/web-crypto.ts";
import { open, paddedLength, seal, type Place } from "./sealed.ts";

interface Vector {
  readonly key: string;
  readonly generation: number;
  readonly place: Place;
  readonly text: string;
  readonly nonce: string;
  readonly sealed: string;
}

const vectorsFile = new URL("../testing/secrets/sealed-vectors.json", import.meta.url);
// The file is written as Vector[].
const vectors = JSON.parse(await readFile(vectorsFile, "utf8")) as readonly Vector[];
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

const place: Place = { schema: "sessions", kind: "session", owner: "ada", session: "0198", entry: null };
const key = createSecretKey(Buffer.alloc(32, 7));
const openAt = (where: Place, sealed: Uint8Array) => open(() => key, where, sealed);

test("the published vectors of sealed values hold, here and in WebCrypto", async () => {
  expect(vectors.length).toBeGreaterThan(3);
  for (const { key: hexKey, generation, place: where, text, nonce, sealed } of vectors) {
    const keyObject = createSecretKey(bytesOf(hexKey));
    expect(hexOf(seal(keyObject, generation, where, text, bytesOf(nonce)))).toBe(sealed);
    expect(open((wanted) => (wanted === generation ? keyObject : undefined), where, bytesOf(sealed))).toBe(text);
    const given = { key: bytesOf(hexKey), generation, place: where, text, nonce: bytesOf(nonce) };
    expect(hexOf(await sealByWebCrypto(given))).toBe(sealed);
    expect(await openByWebCrypto(bytesOf(hexKey), where, bytesOf(sealed))).toBe(text);
  }
});

const places = fc.record({
  schema: fc.string(),
  kind: fc.constantFrom("session" as const, "history" as const),
  owner: fc.string({ unit: "grapheme" }),
  session: fc.uuid(),
  entry: fc.option(fc.nat()),
});
const texts = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 200 }),
  fc.string({ minLength: 900, maxLength: 5_000 }),
);

test("two implementations seal the same bytes and open each other's", async () => {
  const nonces = fc.uint8Array({ minLength: 12, maxLength: 12 });
  const generations = fc.integer({ min: 1, max: 0xffff_ffff });
  await fc.assert(
    fc.asyncProperty(places, texts, generations, nonces, async (where, given, generation, nonce) => {
      // Half of a surrogate pair has no bytes in UTF-8, and JSON.stringify escapes it.
      const text = JSON.stringify(given);
      const keyBytes = Uint8Array.from(Buffer.alloc(32, nonce[0]));
      const sealed = seal(createSecretKey(keyBytes), generation, where, text, nonce);
      const sealing = { key: keyBytes, generation, place: where, text, nonce: Uint8Array.from(nonce) };
      expect(hexOf(sealed)).toBe(hexOf(await sealByWebCrypto(sealing)));
      expect(await openByWebCrypto(keyBytes, where, Uint8Array.from(sealed))).toBe(text);
    }),
    { numRuns: 60 },
  );
});

test("S11: a sealed value opens at its own place alone, and a fault names the place", () => {
  const sealed = seal(key, 1, place, "4111 1111 1111 1111");
  expect(openAt(place, sealed)).toBe("4111 1111 1111 1111");
  const others: readonly Partial<Place>[] = [
    { schema: "other" },
    { kind: "history" },
    { owner: "eve" },
    { session: "0199" },
    { entry: 1 },
  ];
  for (const other of others) {
    expect(() => openAt({ ...place, ...other }, sealed)).toThrow(/^sealed_invalid: .* does not open: it was changed/);
  }
  expect(() => open(() => undefined, place, sealed)).toThrow(
    "The row of session 0198 does not open: the owner has no key",
  );
  expect(() => openAt(place, sealed.slice(0, 30))).toThrow("it is too short");
});

test("S11: a sealed value of which any bit was changed does not open", () => {
  const sealed = seal(key, 1, place, "secret");
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    // Here every generation has the same key, as if somebody had exchanged the owner's keys too.
    if (bit >= 8 && bit < 40)
      expect(() => open((wanted) => (wanted === 1 ? key : undefined), place, changed)).toThrow("sealed_invalid");
    else expect(() => openAt(place, changed)).toThrow("sealed_invalid");
  }
});

test("S11: the length of a sealed value tells the length of its text only in steps", () => {
  expect([0, 1, 64, 65, 1_024, 1_025, 2_048, 2_049, 100_000].map(paddedLength)).toEqual([
    64, 64, 64, 128, 1_024, 1_088, 2_048, 2_176, 100_352,
  ]);
  for (let length = 1; length < 20_000; length += 7) {
    const padded = paddedLength(length);
    expect(padded).toBeGreaterThanOrEqual(length);
    expect(padded).toBeLessThanOrEqual(Math.max(length + 63, length * 1.12));
    expect(paddedLength(padded)).toBe(padded);
  }
  const short = seal(key, 1, place, "4");
  expect(seal(key, 1, place, "4".repeat(60)).length).toBe(short.length);
  expect(hexOf(seal(key, 1, place, "4"))).not.toBe(hexOf(short));
});
