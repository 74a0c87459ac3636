import { Client } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postgresBus } from "../../index.ts";
import { cancel, createBank, createLedger, draft, start, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { watching } from "../../testing/watcher.ts";

const { pool, url } = await freshDatabase();
const node = () =>
  createBank(pool, {
    bus: postgresBus({ client: () => new Client({ connectionString: url, application_name: "bus" }) }),
  });
const nodes = [node(), node(), node()] as const;

beforeAll(async () => {
  await nodes[0].migrate();
  await createLedger(pool);
});
afterAll(async () => {
  await Promise.all(nodes.map((each) => each.close()));
});

const cutBus = () =>
  pool.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'bus'");

test("S10: a watcher on one node is sent what another node commits", async () => {
  const watcher = await watching(nodes[1], "ada");
  const ada = new TestClient(nodes[0], "ada");
  const { session, review } = await ada.untilReview();
  await watcher.reach(3);
  await ada.one(review);
  await watcher.reach(4);
  expect(watcher.seen.at(-1)).toMatchObject({ id: session, status: "completed" });
  await watcher.stop();
});

test("S10: a watcher whose node heard nothing is sent what began and ended meanwhile", async () => {
  const deaf = createBank(pool, { bus: { open: () => () => Promise.resolve(), publish: () => {} } });
  const watcher = await watching(deaf, "eve");
  const session = uuidv7();
  await new TestClient(nodes[0], "eve").push(start(session, "notes"), cancel(session));
  await watcher.reach(2);
  expect(watcher.seen).toMatchObject([{ id: session, status: "cancelled" }]);
  await watcher.stop();
  await deaf.close();
});

test("S8: three nodes write one session while the bus is cut again and again: no gap, and all watchers end at the newest", async () => {
  const session = uuidv7();
  const tellers = nodes.map((each) => new TestClient(each, "storm"));
  await tellers[0]!.one(start(session, "notes"));
  const watchers = await Promise.all(nodes.map((each) => watching(each, "storm")));
  const writes = tellers.map(async (teller, who) => {
    const revisions: number[] = [];
    for (let index = 0; index < 40; index += 1) {
      const outcome = await teller.one(draft(session, "right", `field${who}_${index}`, index));
      if (outcome.status === "accepted") revisions.push(outcome.revision);
      if (index % 13 === who) await cutBus();
    }
    return revisions;
  });
  const revisions = (await Promise.all(writes)).flat();
  expect(revisions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, index) => index + 2));
  for (const watcher of watchers) {
    await watcher.reach(121);
    await watcher.stop();
  }
});

test("closing a node's sessions leaves no connection of its bus", async () => {
  const closing = node();
  const watcher = await watching(closing, "leaver");
  await closing.close();
  await watcher.stop();
  for (const each of nodes) expect(each).not.toBe(closing);
  await expect
    .poll(async () => {
      const { rows } = await pool.query("select 1 from pg_stat_activity where application_name = 'bus'");
      return rows.length;
    })
    .toBe(nodes.length);
});
