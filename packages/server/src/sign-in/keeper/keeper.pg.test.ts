import { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool, url } = await freshDatabase();
const poolOfOther = new Pool({ connectionString: url });
const node = testKeeper(pool);
const other = testKeeper(poolOfOther);

beforeAll(() => node.migrate());
afterAll(async () => {
  await node.close();
  await other.close();
  await poolOfOther.end();
});

test("a token is known on the node that gave it, on another, and in the list, until its sign-in ends", async () => {
  const { signIn: begun, token } = await signIn(node, "ada");
  const expected = { device: "Firefox on Linux", place: "BE", factors: ["password"], publicId: begun.publicId };
  for (const each of [node, other, node]) {
    expect(await each.check(token)).toEqual({ kind: "live", signIn: begun, offer: null, revision: 0 });
    expect((await each.list("ada")).rows).toMatchObject([expected]);
  }
  expect(await node.check({ ...token, owner: "eve" })).toEqual({ kind: "nobody" });
  expect(await node.check({ ...token, secret: Buffer.alloc(32) })).toEqual({ kind: "nobody" });
  expect(await node.endOf(token)).toBeNull();

  expect(await node.end("eve", begun.publicId, "revoked")).toBe(false);
  expect(await node.end("ada", begun.publicId, "revoked", begun)).toBe(true);
  expect(await node.end("ada", begun.publicId, "revoked", begun)).toBe(false);
  expect(await node.check(token)).toEqual({ kind: "nobody" });
  expect(await node.endOf(token)).toMatchObject({ ending: "revoked" });
  expect(await node.endOf({ ...token, secret: Buffer.alloc(32) })).toBeNull();
  expect((await node.list("ada")).rows).toEqual([]);
  expect((await node.history("ada")).rows).toMatchObject([
    { kind: "revoked", by: begun.publicId, entry: 2 },
    { kind: "signed_in", by: null, entry: 1, ...expected },
  ]);
});
