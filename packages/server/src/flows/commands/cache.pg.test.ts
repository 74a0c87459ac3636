import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { createBank, createLedger, draft, start, submit, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool } = await freshDatabase();
// Two nodes that tell each other nothing: what one remembers is stale as soon as the other writes.
const nodes = [createBank(pool), createBank(pool)] as const;

beforeAll(async () => {
  await nodes[0].migrate();
  await createLedger(pool);
});

test("S8: a node that remembers an older revision writes on the newest one", async () => {
  const [here, there] = nodes.map((node) => new TestClient(node, "ada")) as [TestClient, TestClient];
  const session = uuidv7();
  await here.one(start(session, "notes"));
  for (let round = 0; round < 10; round += 1) {
    const outcomes = [
      await here.one(draft(session, "left", "text", `${round}`, 2 * round + 1)),
      await there.one(draft(session, "right", `f${round}`, round)),
    ];
    expect(outcomes).toMatchObject([{ revision: 2 * round + 2 }, { revision: 2 * round + 3 }]);
  }
  expect(await here.read(session)).toEqual(await there.read(session));
});

test("S8: no refusal comes from memory: what was submitted elsewhere counts at once", async () => {
  const [here, there] = nodes.map((node) => new TestClient(node, "ada")) as [TestClient, TestClient];
  const session = uuidv7();
  const left = submit(session, "left", { text: "there" });
  await here.one(start(session, "notes"));
  await there.one(left);
  // By what `here` remembers, the step could not be reached, and nothing was seen in `left`.
  const middle = submit(session, "middle", { text: "here" }, { left: left.id });
  expect(await here.one(middle)).toMatchObject({ status: "accepted", revision: 3 });
});

test("S8: reads and watches of a node that remembers an older revision give the newest", async () => {
  const [here, there] = nodes.map((node) => new TestClient(node, "ada")) as [TestClient, TestClient];
  const { session, review } = await here.untilReview();
  await there.one(review);
  expect(await here.read(session)).toMatchObject({ status: "completed", revision: 4 });
  expect(await here.one(submit(session, "amount", { cents: 1 }))).toMatchObject({ refusal: { code: "ended" } });
  expect(await here.one(review)).toEqual({ status: "accepted", revision: 4, replayed: true });
});

test("S8: a memory of no size changes nothing but the speed", async () => {
  const forgetful = new TestClient(createBank(pool, { cacheBytes: 1 }), "ada");
  const { session, review } = await forgetful.untilReview();
  expect(await forgetful.one(review)).toMatchObject({ status: "accepted" });
  expect(await forgetful.read(session)).toMatchObject({ status: "completed" });
});
