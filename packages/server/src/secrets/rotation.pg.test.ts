import type { KeyObject } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createKysely } from "../postgres/database.ts";
import type { OwnerTables } from "../postgres/tables.ts";
import { createBank } from "../testing/bank.ts";
import { cuttingPool } from "../testing/connections/cutting-pool.ts";
import { sessionsWith } from "../testing/cli.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { keysFromEnvironment } from "./environment-keys.ts";
import { generateKey } from "./key-ring.ts";
import { OwnerKeys } from "./owner-keys.ts";
import { rotateKeys, wrappingKeyUses } from "./rotation.ts";

const { pool, url } = await freshDatabase();
const tables = createKysely<OwnerTables>(pool);
const db = tables.withSchema("sessions");
const [older, newer, foreign] = [generateKey(), generateKey(), generateKey()];
const cutting = cuttingPool({ connectionString: url, max: 1 });
const cutDb = createKysely<OwnerTables>(cutting.pool).withSchema("sessions");
afterAll(() => cutting.pool.end());
/** A rotation of three pages reads four times, and writes three times. */
const cuts = Array.from({ length: 7 }, (_, nth) => [nth, nth % 4 < 2 ? "after" : "before"] as const);
/** More than two pages. */
const owners = Array.from({ length: 450 }, (_, index) => `owner ${index}`);

const nodeWith = (list: string) =>
  new OwnerKeys({ db: tables, schema: "sessions", provider: keysFromEnvironment(list), now: Date.now });

/** The owners' unwrapped keys, as a node with these keys finds them. */
function keysOf(list: string): Promise<readonly object[]> {
  const node = nodeWith(list);
  const hexOf = (key: KeyObject | undefined) => key?.export().toString("hex");
  return Promise.all(
    owners.map(async (owner) => {
      const keys = await node.find(owner);
      return { owner, data: hexOf(keys?.dataKeys.get(1)), chain: hexOf(keys?.chainKey) };
    }),
  );
}

let before: readonly object[];
beforeAll(async () => {
  await createBank(pool, { sweeps: false }).migrate();
  const node = nodeWith(older);
  await Promise.all(owners.map((owner) => node.ensure(owner)));
  before = await keysOf(older);
  await pool.query("create table wrapped_before as table sessions.owner_key");
});
beforeEach(() => pool.query("delete from sessions.owner_key; insert into sessions.owner_key table wrapped_before"));

test("a rotation wraps every key anew, changes none, and leaves nothing for the older key", async () => {
  const progress: number[] = [];
  const provider = keysFromEnvironment(`${newer} ${older}`);
  expect((await rotateKeys({ db, provider, onProgress: (rows) => progress.push(rows) })).wrapped).toBe(450);
  expect(progress).toEqual([200, 400, 450]);
  expect(await keysOf(newer)).toEqual(before);
  expect((await rotateKeys({ db, provider })).wrapped).toBe(0);
});

test("a rotation that is stopped after any page, and run again, loses nothing", async () => {
  const provider = keysFromEnvironment(`${newer} ${older}`);
  const stopAfterPage = () => {
    throw new Error("Stopped.");
  };
  for (const left of [250, 50]) {
    await expect(rotateKeys({ db, provider, onProgress: stopAfterPage })).rejects.toThrow("Stopped.");
    const uses = await wrappingKeyUses(db, provider);
    expect(uses.find(({ isCurrent }) => !isCurrent)?.rows).toBe(left);
    expect(await keysOf(`${newer} ${older}`)).toEqual(before);
  }
  expect((await rotateKeys({ db, provider })).wrapped).toBe(50);
  expect(await keysOf(newer)).toEqual(before);
});

test("a rotation that loses its connection at any statement, and is run again, loses nothing", async () => {
  const provider = keysFromEnvironment(`${newer} ${older}`);
  for (const [nth, when] of cuts) {
    await pool.query("delete from sessions.owner_key; insert into sessions.owner_key table wrapped_before");
    let left = nth;
    cutting.cutAt({ test: () => left-- === 0 }, when);
    await expect(rotateKeys({ db: cutDb, provider })).rejects.toThrow("ECONNRESET");
    expect(await keysOf(`${newer} ${older}`)).toEqual(before);
    await rotateKeys({ db, provider });
    expect(await keysOf(newer)).toEqual(before);
  }
});

test("two rotations at the same time wrap each key once", async () => {
  const provider = keysFromEnvironment(`${newer} ${older}`);
  const wrapped = await Promise.all([rotateKeys({ db, provider }), rotateKeys({ db, provider })]);
  expect(wrapped[0].wrapped + wrapped[1].wrapped).toBe(450);
  expect(await keysOf(newer)).toEqual(before);
});

test("S24: a rotation brings back no data key that an erasure destroys meanwhile", async () => {
  const { current, unwrap } = keysFromEnvironment(`${newer} ${older}`);
  const key = await current();
  let isErased = false;
  await rotateKeys({
    db,
    provider: {
      current,
      // The page is read already, and not yet written.
      async unwrap(id, bytes) {
        if (!isErased) await pool.query("update sessions.owner_key set data = null where owner_id = 'owner 0'");
        isErased = true;
        return unwrap(id, bytes);
      },
    },
  });
  const { rows } = await pool.query(
    "select key_id, data, chain is null as chainless from sessions.owner_key where owner_id = 'owner 0'",
  );
  expect(rows).toEqual([{ key_id: key.id, data: null, chainless: false }]);
});

test("a key that is missing is named, and what was wrapped before stays", async () => {
  await nodeWith(foreign).ensure("zoe");
  const provider = keysFromEnvironment(`${newer} ${older}`);
  const { id } = await keysFromEnvironment(foreign).current();
  await expect(rotateKeys({ db, provider })).rejects.toMatchObject({
    code: "keys_missing",
    message: expect.stringContaining(id) as unknown,
  });
  expect(await wrappingKeyUses(db, provider)).toEqual(
    expect.arrayContaining([{ keyId: id, rows: 1, isCurrent: false, isThere: false }]),
  );
});

describe("the command line", () => {
  const run = (keys: string | undefined, ...words: readonly string[]) =>
    sessionsWith({ databaseUrl: url, keys }, ...words);

  test("says which keys are in use, rotates, and says that the older one is free", async () => {
    const [old, now] = await Promise.all([older, newer].map((key) => keysFromEnvironment(key).current()));
    const list = `${newer},${older}`;
    const before = await run(list, "keys", "status", "--json");
    expect(JSON.parse(before.stdout)).toEqual({
      keys: [{ keyId: old!.id, rows: 450, isCurrent: false, isThere: true }],
    });
    const rotated = await run(list, "keys", "rotate");
    expect(rotated).toMatchObject({ code: 0, stdout: `Wrapped 450 keys of owners with ${now!.id}.\n` });
    const after = await run(newer, "keys", "status");
    expect(after).toMatchObject({ code: 0, stdout: `${now!.id}  the newest, wraps 450 keys of owners\n` });
  });

  test("ends with 1 where a key is missing, and with 2 where none is given", async () => {
    expect(await run(newer, "keys", "status")).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("missing here") as unknown,
    });
    expect(await run(newer, "keys", "rotate")).toMatchObject({ code: 1, stdout: "" });
    const without = await run(undefined, "keys", "rotate");
    expect(without.code).toBe(2);
    expect(without.stderr).toContain("SESSIONS_KEYS");
  });
});
