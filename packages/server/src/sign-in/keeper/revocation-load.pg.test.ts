import { Client, Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postgresBus } from "../../bus/postgres-bus.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";
import type { SignInKeeper } from "./sign-in-keeper.ts";

const SIGN_INS = 60;
const { url } = await freshDatabase();
const nodes = Array.from({ length: 3 }, () => {
  const pool = new Pool({ connectionString: url, max: 3 });
  const bus = postgresBus({ client: () => new Client({ connectionString: url }) });
  return { pool, keeper: testKeeper(pool, { bus }) };
});
const [doer, ...others] = nodes.map(({ keeper }) => keeper) as [SignInKeeper, SignInKeeper, SignInKeeper];

beforeAll(() => doer.migrate());
afterAll(async () => {
  for (const { keeper, pool } of nodes) {
    await keeper.close();
    await pool.end();
  }
});

/** Resolves when a stream of this sign-in would end on each other node. */
const streamsEnd = (publicId: string) =>
  Promise.all(
    others.map(
      (node) =>
        new Promise<void>((resolve) => {
          const stop = node.onEnded((ended) => {
            if (ended === "everybody" || ended.publicId !== publicId) return;
            stop();
            resolve();
          });
        }),
    ),
  );

test("S17: revoked on one node under load, each sign-in is out on two others within a second, and its streams end", async () => {
  const begun = await Promise.all(Array.from({ length: SIGN_INS }, (_, index) => signIn(doer, `ada ${index}`)));
  const crowd = await Promise.all(Array.from({ length: 20 }, (_, index) => signIn(doer, `grace ${index}`)));
  for (const { token } of [...begun, ...crowd]) for (const node of others) await node.check(token);
  let isLoaded = true;
  let served = 0;
  const load = async (node: SignInKeeper) => {
    while (isLoaded) {
      for (const { token } of crowd) if ((await node.check(token)).kind === "live") served += 1;
      await new Promise(setImmediate);
    }
  };
  const loading = [doer, ...others].map(load);
  const tookMs = await Promise.all(
    begun.map(async ({ signIn: { owner, publicId }, token }) => {
      const ended = streamsEnd(publicId);
      expect(await doer.end(owner, publicId, "revoked")).toBe(true);
      const atMs = performance.now();
      expect((await doer.check(token)).kind).toBe("nobody");
      await ended;
      for (const node of others) expect((await node.check(token)).kind).toBe("nobody");
      return performance.now() - atMs;
    }),
  );
  isLoaded = false;
  await Promise.all(loading);
  expect(served).toBeGreaterThan(1_000);
  // A second, and what a busy machine adds. Without the notice it takes a third of the lease: 3.3 s.
  expect(Math.max(...tookMs)).toBeLessThan(3_000);
});
