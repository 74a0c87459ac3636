import type * as Crypto from "node:crypto";
import { randomBytes, timingSafeEqual } from "node:crypto";
import { Client } from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { freshDatabase } from "../../testing/postgres.ts";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";
import { base64url, type Token } from "../token/token.ts";

vi.mock("node:crypto", async (actual) => {
  const crypto = await actual<typeof Crypto>();
  return { ...crypto, timingSafeEqual: vi.fn(crypto.timingSafeEqual) };
});

const { pool } = await freshDatabase();
// The lease of the cache never ends, so no look is counted.
const node = testKeeper(pool, { elapsedMs: () => 0 });
const query = vi.spyOn(Client.prototype, "query");

beforeAll(() => node.migrate());
afterAll(async () => {
  query.mockRestore();
  await node.close();
});

const anId = () => base64url(randomBytes(16));
const wrong = { secret: randomBytes(32) };

test.each<readonly [what: string, forge: (token: Token, other: Token) => Token]>([
  ["owner", (token) => ({ ...token, owner: "nobody" })],
  ["id", (token) => ({ ...token, id: anId() })],
  ["owner and id", (token) => ({ ...token, owner: "nobody", id: anId() })],
  ["secret", (token) => ({ ...token, ...wrong })],
  ["secret, of the next generation", (token) => ({ ...token, ...wrong, generation: 1 })],
  ["secret, of a far generation", (token) => ({ ...token, ...wrong, generation: 1_000 })],
  ["secret, of another sign-in", (token, other) => ({ ...token, secret: other.secret, branch: other.branch })],
  ["owner, of another sign-in", (token, other) => ({ ...token, owner: other.owner })],
])("S18: a token with a wrong %s costs one statement and three compared hashes", async (_, forge) => {
  const [{ token }, { token: other }] = [await signIn(node, "ada"), await signIn(node, "grace")];
  expect((await node.check(token)).kind).toBe("live");
  query.mockClear();
  vi.mocked(timingSafeEqual).mockClear();
  expect(await node.check(forge(token, other))).toEqual({ kind: "nobody" });
  expect(query).toHaveBeenCalledTimes(1);
  expect(timingSafeEqual).toHaveBeenCalledTimes(3);
  expect((await node.check(token)).kind).toBe("live");
});
