import { beforeAll, beforeEach, expect, test } from "vitest";
import { createKysely } from "../postgres/database.ts";
import type { OwnerTables } from "../postgres/tables.ts";
import { createBank } from "../testing/bank.ts";
import { eventually } from "../testing/eventually.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { keysFromEnvironment } from "./environment-keys.ts";
import type { KeyProvider } from "./key-provider.ts";
import { generateKey } from "./key-ring.ts";
import { OwnerKeys } from "./owner-keys.ts";

const { pool } = await freshDatabase();
const db = createKysely<OwnerTables>(pool);
const [older, newer, foreign] = [generateKey(), generateKey(), generateKey()];
let nowMs = Date.now();
let calls: string[] = [];

beforeAll(() => createBank(pool, { sweeps: false }).migrate());
beforeEach(async () => {
  calls = [];
  await pool.query("delete from sessions.owner_key");
});

/** A provider that notes each call. */
function counted(list: string): KeyProvider {
  const keys = keysFromEnvironment(list);
  return {
    current: async () => {
      const { id, wrap } = await keys.current();
      const noted = (bytes: Uint8Array) => {
        calls.push("wrap");
        return wrap(bytes);
      };
      return { id, wrap: noted };
    },
    unwrap: (id, bytes) => {
      calls.push("unwrap");
      return keys.unwrap(id, bytes);
    },
  };
}

const nodeWith = (list: string | undefined) =>
  new OwnerKeys({ db, schema: "sessions", provider: list === undefined ? undefined : counted(list), now: () => nowMs });

test("an owner gets keys once, from however many nodes and callers at the same time", async () => {
  const nodes = [nodeWith(older), nodeWith(older), nodeWith(`${newer} ${older}`)];
  const all = await Promise.all(
    nodes
      .flatMap((node) => Array.from({ length: 8 }, () => node.ensure("ada")))
      .map(async (ensured) => await ensured.catch(() => null)),
  );
  // The first two nodes do not have the newest key, if the third one came first.
  const found = all.filter((keys) => keys !== null);
  expect(found.length).toBeGreaterThanOrEqual(8);
  for (const { chainKey, dataKeys, generation } of found) {
    expect(generation).toBe(1);
    expect(chainKey.equals(found[0]!.chainKey)).toBe(true);
    expect(dataKeys.get(1)!.equals(found[0]!.dataKeys.get(1)!)).toBe(true);
    expect(chainKey.equals(dataKeys.get(1)!)).toBe(false);
  }
  const { rows } = await pool.query("select 1 from sessions.owner_key where owner_id = 'ada'");
  expect(rows).toHaveLength(1);
  // Parallel callers of one node share the load: at most two keys are made, and two unwrapped, by each node.
  expect(calls.length).toBeLessThanOrEqual(3 * 4);
});

test("a warm key asks neither the provider nor the database, and an old one is loaded again", async () => {
  const node = nodeWith(older);
  await node.ensure("ada");
  calls = [];
  await pool.query("delete from sessions.owner_key");
  for (let times = 0; times < 100; times += 1) await node.ensure("ada");
  expect(await node.find("ada")).not.toBeNull();
  expect(calls).toEqual([]);
  nowMs += 300_001;
  expect(await node.find("ada")).toBeNull();
});

test("keys that are dropped while they are loaded are not kept", async () => {
  const node = nodeWith(older);
  const loading = node.ensure("ada");
  node.drop("ada");
  await loading;
  await pool.query("delete from sessions.owner_key");
  expect(await node.find("ada")).toBeNull();
});

test("S24: a load that ends late does not bring back a destroyed key", async () => {
  await nodeWith(older).ensure("ada");
  const keys = keysFromEnvironment(older);
  const held: PromiseWithResolvers<void>[] = [];
  const provider: KeyProvider = {
    ...keys,
    async unwrap(id, bytes) {
      if (held.length === 0) {
        held.push(Promise.withResolvers());
        await held[0]!.promise;
      }
      return keys.unwrap(id, bytes);
    },
  };
  const node = new OwnerKeys({ db, schema: "sessions", provider, now: () => nowMs });
  const late = node.find("ada");
  await eventually(() => Promise.resolve(expect(held).toHaveLength(1)));
  await pool.query("update sessions.owner_key set data = null");
  expect((await node.ensure("ada")).generation).toBe(2);
  held[0]!.resolve();
  expect((await late)!.generation).toBe(1);
  expect((await node.ensure("ada")).generation).toBe(2);
});

test("owners have different keys, and another owner's wrapped keys do not become one's own in the cache", async () => {
  const node = nodeWith(older);
  const [ada, grace] = [await node.ensure("ada"), await node.ensure("grace")];
  expect(ada.dataKeys.get(1)!.equals(grace.dataKeys.get(1)!)).toBe(false);
  expect(ada.chainKey.equals(grace.chainKey)).toBe(false);
});

test("a key that is needed and missing is named by its id, at the start and for its owner alone", async () => {
  await nodeWith(older).ensure("ada");
  await nodeWith(foreign).ensure("grace");
  const { id } = await keysFromEnvironment(foreign).current();
  const node = nodeWith(`${newer} ${older}`);
  await expect(node.check()).rejects.toThrow(`keys_missing: Something is sealed with key ${id}`);
  await expect(node.find("grace")).rejects.toThrow(`key ${id}`);
  expect(await node.find("ada")).not.toBeNull();
  await expect(nodeWith(undefined).check()).rejects.toThrow(/keys_missing: Something is sealed with key k-/);
  await nodeWith(`${newer} ${older} ${foreign}`).check();
  await pool.query("delete from sessions.owner_key");
  await nodeWith(undefined).check();
});

test("after its data key was destroyed an owner gets the next generation, and keeps the chain key", async () => {
  const before = await nodeWith(older).ensure("ada");
  await pool.query("update sessions.owner_key set data = null where owner_id = 'ada'");
  const node = nodeWith(older);
  expect((await node.find("ada"))!.dataKeys.size).toBe(0);
  const after = await node.ensure("ada");
  expect(after.generation).toBe(2);
  expect([...after.dataKeys.keys()]).toEqual([2]);
  expect(after.chainKey.equals(before.chainKey)).toBe(true);
});

test("a provider that throws is a fault of its own, and the next call asks it again", async () => {
  let works = false;
  const keys = keysFromEnvironment(older);
  const provider: KeyProvider = {
    ...keys,
    current: () => (works ? keys.current() : Promise.reject(new Error("The service is away."))),
  };
  const node = new OwnerKeys({ db, schema: "sessions", provider, now: () => nowMs });
  await expect(node.ensure("ada")).rejects.toThrow("keys_failed: The provider of `keys` threw.");
  works = true;
  expect((await node.ensure("ada")).generation).toBe(1);
});
