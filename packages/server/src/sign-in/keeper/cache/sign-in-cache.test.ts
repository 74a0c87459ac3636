import { randomBytes, randomUUID } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { expect, test } from "vitest";
import { rotationFromBytes, rotationToBytes } from "../../rows/rotation-bytes.ts";
import type { StoredSignIn } from "../../rows/stored-sign-in.ts";
import { createRotation, type RotationState } from "../../token/rotation.ts";
import { bytesOfUuid } from "../../token/public-id.ts";
import { SignInCache } from "./sign-in-cache.ts";

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((each) => Buffer.from(each).toString("base64url"));
const time = fc.integer({ min: 0, max: 2 ** 45 });
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });

const rotation: fc.Arbitrary<RotationState> = fc.record({
  revision: fc.nat(1_000_000),
  generation: fc.nat(1_000_000),
  restarts: fc.nat(255),
  startedMs: time,
  hash: bytes(32),
  nextHash: bytes(32),
  salt: bytes(16),
  replacedHash: maybe(bytes(32)),
  usedMs: maybe(time),
  boundMs: maybe(time),
  branch: maybe(bytes(8)),
  previousBranch: maybe(bytes(8)),
});

const signIn: fc.Arbitrary<StoredSignIn> = fc.record({
  owner: fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }),
  id: fc.uuid(),
  device: fc.string({ unit: "grapheme", maxLength: 200 }),
  place: maybe(fc.string({ unit: "grapheme", maxLength: 200 })),
  factors: fc.array(fc.stringMatching(/^[a-z_]{1,20}$/), { maxLength: 4 }),
  guestSession: maybe(fc.uuid()),
  sinceMs: time,
  provedMs: time,
  lastUsedMs: time,
  endsMs: time,
  csrf: bytes(16),
  rotation,
  binding: maybe(fc.record({ key: bytes(64), secret: bytes(32), number: fc.nat(2 ** 31), boundMs: time })),
  epoch: fc.nat(1_000),
});

test("a rotation state is the same after it was kept as bytes", () => {
  fc.assert(
    fc.property(rotation, (state) => {
      expect(rotationFromBytes(rotationToBytes(state))).toEqual(state);
    }),
  );
});

test("a sign-in is the same after it was cached", () => {
  fc.assert(
    fc.property(signIn, fc.nat(2 ** 40), (each, readMs) => {
      const cache = new SignInCache(100_000);
      cache.put(each, readMs);
      const withoutHashes = { ...each.rotation, nextHash: "", replacedHash: null };
      expect(cache.get(bytesOfUuid(each.id))).toEqual({ signIn: { ...each, rotation: withoutHashes }, readMs });
    }),
  );
});

const created = createRotation(Date.now()).rotation;

const ada = (): StoredSignIn => ({
  owner: randomUUID(),
  id: randomUUID(),
  device: "Chrome on Windows",
  place: "BE",
  factors: ["password", "totp"],
  guestSession: null,
  sinceMs: Date.now(),
  provedMs: Date.now(),
  lastUsedMs: Date.now(),
  endsMs: Date.now(),
  binding: null,
  csrf: randomBytes(16).toString("base64url"),
  rotation: created,
  epoch: 0,
});

test("an older state does not take the place of a newer one, and what is older than a change goes", () => {
  const cache = new SignInCache(100_000);
  const old = ada();
  const next = { ...old, rotation: { ...old.rotation, revision: 1 } };
  cache.put(next, 1);
  cache.put(old, 2);
  expect(cache.get(bytesOfUuid(old.id))?.readMs).toBe(1);
  cache.dropOlder(old.id, 1);
  expect(cache.get(bytesOfUuid(old.id))?.signIn.rotation.revision).toBe(next.rotation.revision);
  cache.dropOlder(old.id, 2);
  expect(cache.get(bytesOfUuid(old.id))).toBeUndefined();
});

test("a cached sign-in takes at most 400 bytes, and all of them hardly more than the cache may have", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  // Full, as it is on a node that runs for long.
  const bytes = 8_000_000;
  const measure = () => {
    const before = used();
    const cache = new SignInCache(bytes);
    for (let index = 0; index < 30_000; index += 1) cache.put(ada(), index);
    return { cache, all: used() - before };
  };
  // The process may have other work, which only adds to a measurement.
  const [{ cache, all }] = [measure(), measure(), measure()].toSorted((a, b) => a.all - b.all) as [
    ReturnType<typeof measure>,
  ];
  const each = all / cache.size;
  expect(each).toBeGreaterThan(200);
  expect(each).toBeLessThanOrEqual(400);
  expect(all).toBeLessThanOrEqual(bytes * 1.1);
  expect(cache.size).toBeGreaterThan(bytes / 400);
});

test("what was used longest ago makes room", () => {
  const small = new SignInCache(100_000);
  const first = ada();
  small.put(first, 0);
  for (let index = 0; index < 1_000; index += 1) small.put(ada(), index);
  expect(small.get(bytesOfUuid(first.id))).toBeUndefined();
});
