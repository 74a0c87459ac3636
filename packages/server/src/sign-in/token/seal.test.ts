import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { setCookie } from "../request/cookies.ts";
import { Seal, type SealedFacts } from "./seal.ts";
import { base64url, type Token } from "./token.ts";

const NOW_MS = Date.UTC(2026, 10, 28);
const TRUST_MS = 30_000;
const keyOf = (byte: number) => base64url(new Uint8Array(32).fill(byte));

const token: Token = {
  owner: "ada",
  id: base64url(new Uint8Array(16).fill(1)),
  generation: 3,
  branch: base64url(new Uint8Array(8).fill(2)),
  secret: new Uint8Array(32).fill(3),
};
const facts: SealedFacts = {
  publicId: "018f7c1e-0000-7000-8000-000000000001",
  device: "Safari on iPhone",
  place: "BE",
  factors: ["password", "totp"],
  guestSession: "018f7c1e-0000-7000-8000-000000000002",
  sinceMs: NOW_MS - 86_400_000,
  provedMs: NOW_MS - 3_600_000,
  lastUsedMs: NOW_MS - 60_000,
  endsMs: NOW_MS + 3_600_000,
  csrf: "csrf",
};

const sealOf = (...keys: number[]) => new Seal({ keys: keys.map(keyOf), trustMs: TRUST_MS, realm: "sessions sign-in" });
const seal = sealOf(1);

test("a sealed copy opens beside its token, and says when it was sealed", () => {
  expect(seal.open(seal.seal(facts, token, NOW_MS), token, NOW_MS + 1_000)).toEqual({ facts, sealedMs: NOW_MS });
});

test("two copies of the same facts have no text in common", () => {
  expect(seal.seal(facts, token, NOW_MS)).not.toBe(seal.seal(facts, token, NOW_MS));
  const text = Buffer.from(seal.seal(facts, token, NOW_MS), "base64url").toString("latin1");
  for (const known of ["ada", "Safari", "password", "csrf"]) expect(text).not.toContain(known);
});

test("S17: a sealed copy is believed for its time and not a millisecond longer, and never beyond the sign-in's end", () => {
  const text = seal.seal(facts, token, NOW_MS);
  expect(seal.open(text, token, NOW_MS + TRUST_MS - 1)).toBeDefined();
  expect(seal.open(text, token, NOW_MS + TRUST_MS)).toBeUndefined();
  const ending = seal.seal({ ...facts, endsMs: NOW_MS + 10 }, token, NOW_MS);
  expect(seal.open(ending, token, NOW_MS + 9)).toBeDefined();
  expect(seal.open(ending, token, NOW_MS + 10)).toBeUndefined();
});

test("a copy of a node whose clock is five seconds ahead is believed, and one of the future is not", () => {
  const text = seal.seal(facts, token, NOW_MS);
  expect(seal.open(text, token, NOW_MS - 5_000)).toBeDefined();
  expect(seal.open(text, token, NOW_MS - 5_001)).toBeUndefined();
});

test("S18: a sealed copy is worth nothing beside a token that differs in one field", () => {
  const text = seal.seal(facts, token, NOW_MS);
  const others: readonly Token[] = [
    { ...token, owner: "bob" },
    { ...token, id: base64url(new Uint8Array(16).fill(9)) },
    { ...token, generation: 4 },
    { ...token, branch: base64url(new Uint8Array(8).fill(9)) },
    { ...token, secret: new Uint8Array(32).fill(9) },
  ];
  for (const other of others) expect(seal.open(text, other, NOW_MS), JSON.stringify(other)).toBeUndefined();
});

test("an older key opens, the newest one seals, and a key that is gone opens nothing", () => {
  const before = sealOf(1).seal(facts, token, NOW_MS);
  const rotated = sealOf(2, 1);
  expect(rotated.open(before, token, NOW_MS)).toBeDefined();
  const after = rotated.seal(facts, token, NOW_MS);
  expect(sealOf(2).open(after, token, NOW_MS)).toBeDefined();
  expect(sealOf(1).open(after, token, NOW_MS)).toBeUndefined();
});

test("S18: a copy in which one bit differs, or that was cut, joined or doubled, is nothing", () => {
  const text = seal.seal(facts, token, NOW_MS);
  const bytes = Buffer.from(text, "base64url");
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(seal.open(base64url(changed), token, NOW_MS)).toBeUndefined();
  }
  for (let length = 0; length < text.length; length += 1) {
    expect(seal.open(text.slice(0, length), token, NOW_MS)).toBeUndefined();
  }
  for (const other of [`${text}${text}`, `${text}A`, `${text}=`, ` ${text}`, text.repeat(20)]) {
    expect(seal.open(other, token, NOW_MS)).toBeUndefined();
  }
});

test("S18: no text that nobody sealed opens", () => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map(base64url);
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 200 }), bytes), (text) => {
      expect(seal.open(text, token, NOW_MS)).toBeUndefined();
    }),
  );
});

test.each<readonly [keys: readonly (string | undefined)[], says: RegExp]>([
  [[], /`seal\.keys` is empty/],
  [[undefined], /`seal\.keys\[0\]`/],
  [[keyOf(1), ""], /`seal\.keys\[1\]`/],
  [[keyOf(1), keyOf(1).slice(1)], /`seal\.keys\[1\]`/],
  [[`${keyOf(1)}=`], /`seal\.keys\[0\]`/],
  [["00".repeat(32)], /`seal\.keys\[0\]`/],
])("a list of keys with a bad one is refused by its place: %j", (keys, says) => {
  const make = () => new Seal({ keys, trustMs: TRUST_MS, realm: "sessions sign-in" });
  expect(make).toThrow(says);
  expect(make).toThrow(/^configuration_invalid: .*randomBytes/);
  for (const key of keys) if (key) expect(make).not.toThrow(key);
});

test("the command in the message makes a key", () => {
  const message = catchMessage(() => new Seal({ keys: [], trustMs: TRUST_MS, realm: "sessions sign-in" }));
  const [, script] = /node -p "(.*)"$/.exec(message)!;
  const key = execFileSync(process.execPath, ["-p", script!], { encoding: "utf8" }).trim();
  expect(() => new Seal({ keys: [key], trustMs: TRUST_MS, realm: "sessions sign-in" })).not.toThrow();
});

function catchMessage(run: () => unknown): string {
  try {
    run();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

test("a copy with long names fits its cookie, and one that does not is refused by name", () => {
  const request = { cookieName: "__Host-sign-in" };
  const cookie = (device: string) =>
    setCookie(request, {
      kind: "seal",
      value: seal.seal({ ...facts, device }, token, NOW_MS),
      maxAgeSeconds: 30,
    });
  expect(cookie("€".repeat(800)).length).toBeLessThanOrEqual(4_050);
  expect(() => cookie("€".repeat(1_200))).toThrow(
    /^configuration_invalid: The cookie __Host-sign-in-seal has \d+ bytes/,
  );
});
