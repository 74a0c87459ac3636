import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createBank, createLedger, draft, start, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool: plain, url } = await freshDatabase();
const pool = new Pool({ connectionString: url, max: 10 });
pool.on("error", () => {});
afterAll(() => pool.end());

/** How many of the pool's connections are in use, and the most that ever were. */
const inUse = { now: 0, most: 0 };
pool.on("acquire", () => (inUse.most = Math.max(inUse.most, (inUse.now += 1))));
pool.on("release", () => (inUse.now -= 1));

beforeAll(async () => {
  await createBank(plain, { sweeps: false }).migrate();
  await createLedger(plain);
});

test("S25: three hundred starts at once by one owner hold a quarter of the pool, and all are answered", async () => {
  const node = createBank(pool, { sweeps: false });
  const ada = new TestClient(node, "ada");
  await ada.list();
  inUse.most = 0;
  const outcomes = await Promise.all(Array.from({ length: 300 }, () => ada.one(start(uuidv7()))));
  expect(inUse.most).toBe(2);
  const accepted = outcomes.filter(({ status }) => status === "accepted");
  expect(accepted).toHaveLength(70);
  await node.close();
});

test("S25: completions that wait for one another hold one connection, and leave the owner's reads and others alone", async () => {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const onComplete = () => {
    reached.resolve();
    return gate.promise;
  };
  const node = createBank(pool, { sweeps: false, onComplete });
  const [bob, eve] = [new TestClient(node, "bob"), new TestClient(node, "eve")];
  const reviews = [];
  for (let count = 0; count < 20; count += 1) reviews.push((await bob.untilReview()).review);
  const outcomes = Promise.all(reviews.map((review) => bob.one(review)));
  await reached.promise;
  expect(inUse.now).toBe(1);
  expect((await bob.list()).active).toHaveLength(20);
  expect((await eve.list()).active).toHaveLength(0);
  gate.resolve();
  expect((await outcomes).map(({ status }) => status)).toEqual(reviews.map(() => "accepted"));
  await node.close();
});

test("S25: what is typed into a session that a handler holds, on another node, holds up nobody else's writes", async () => {
  const gate = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const onComplete = () => {
    reached.resolve();
    return gate.promise;
  };
  const holding = createBank(plain, { sweeps: false, onComplete });
  const node = createBank(pool, { sweeps: false });
  const [cleo, eve] = [new TestClient(holding, "cleo"), new TestClient(node, "eve")];
  const { session, review } = await cleo.untilReview();
  const note = uuidv7();
  await eve.push(start(note, "notes"));
  const completion = cleo.one(review);
  await reached.promise;
  const typed = new TestClient(node, "cleo").one(draft(session, "amount", "note", "x"));
  for (const text of ["a", "b", "c"]) {
    expect(await eve.one(draft(note, "middle", "text", text))).toMatchObject({ status: "accepted" });
  }
  gate.resolve();
  expect(await completion).toMatchObject({ status: "accepted" });
  expect(await typed).toMatchObject({ refusal: { code: "ended" } });
  await Promise.all([holding.close(), node.close()]);
});
