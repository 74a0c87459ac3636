import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keysFromEnvironment } from "./environment-keys.ts";
import { keysFromFile } from "./file-keys.ts";
import { generateKey } from "./key-ring.ts";

const [older, newer] = [generateKey(), generateKey()];
const secret = Buffer.alloc(32, 5);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sessions-keys-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("the newest key wraps, and each older one still unwraps what it has wrapped", async () => {
  const before = await keysFromEnvironment(older).current();
  const wrapped = await before.wrap(secret);
  const rotated = keysFromEnvironment(`${newer}, ${older}\n`);
  const now = await rotated.current();
  expect(now.id).not.toBe(before.id);
  expect(now.id).toMatch(/^k-[0-9a-f]{16}$/);
  expect(await rotated.unwrap(before.id, wrapped)).toEqual(secret);
  expect(await rotated.unwrap(now.id, await now.wrap(secret))).toEqual(secret);
  // A node that has not got the new key yet.
  expect(await keysFromEnvironment(older).unwrap(now.id, await now.wrap(secret))).toBeUndefined();
});

test("a wrapped key that was changed, or carries another key's name, is a fault", async () => {
  const keys = keysFromEnvironment(`${newer} ${older}`);
  const { id, wrap } = await keys.current();
  const wrapped = await wrap(secret);
  const { id: otherId } = await keysFromEnvironment(older).current();
  await expect(keys.unwrap(otherId, wrapped)).rejects.toThrow(`sealed_invalid: A key that key ${otherId} has wrapped`);
  wrapped[20]! ^= 1;
  await expect(keys.unwrap(id, wrapped)).rejects.toThrow(/^sealed_invalid/);
  await expect(keys.unwrap(id, Buffer.alloc(3))).rejects.toThrow(/^sealed_invalid/);
});

test("a file has one key a line, and comments", async () => {
  const path = join(folder, "keys");
  await writeFile(path, `# since November\n${newer}\n\n  ${older}\n`);
  const keys = keysFromFile(path);
  const old = await keysFromEnvironment(older).current();
  expect((await keys.current()).id).toBe((await keysFromEnvironment(newer).current()).id);
  expect(await keys.unwrap(old.id, await old.wrap(secret))).toEqual(secret);
});

test("S11: a text that is no key is refused by its place, and is in no message", async () => {
  const path = join(folder, "wrong");
  await writeFile(path, `${newer}\nhunter2\n`);
  const says = [
    [() => keysFromEnvironment(undefined), "has no key. Make one with: sessions keys generate"],
    [() => keysFromEnvironment(`${newer},hunter2`), "key 2 is not 32 bytes in base64url"],
    [() => keysFromEnvironment(`${newer.slice(1)}`), "key 1 is not 32 bytes"],
    [() => keysFromEnvironment(`${newer}${older}`), "key 1 is not 32 bytes"],
    [() => keysFromFile(path), `The file ${path}: key 2 is not`],
    [() => keysFromFile(join(folder, "absent")), "cannot be read: ENOENT."],
  ] as const;
  for (const [read, part] of says) {
    expect(read).toThrow(part);
    expect(read).toThrow(/^configuration_invalid: (?!.*(hunter2|[\w-]{40}))/);
  }
});
