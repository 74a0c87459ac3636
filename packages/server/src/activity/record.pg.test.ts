import { afterAll, expect, test } from "vitest";
import { reading, testActivity } from "../testing/activity/activities.ts";
import { eventually } from "../testing/eventually.ts";
import { emptyPGlite } from "../testing/pglite.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { newEventId } from "./recorder/event-id.ts";

const { pool } = await freshDatabase();
const node = testActivity(pool);
await node.migrate();
afterAll(() => node.close());

const rowsOf = async (owner: string) =>
  (
    await pool.query<{ id: string; name: string; data: unknown; late: string }>(
      "select id, name, data, received_at - at as late from sessions.activity_event where owner_id = $1 order by at, id",
      [owner],
    )
  ).rows;

test("S14: an event is stored when `record` resolves", async () => {
  const id = await node.record("ada", "post_opened", { post: "42" });
  expect(await rowsOf("ada")).toMatchObject([{ id, name: "post_opened", data: { post: "42" } }]);
});

test("S22: an event that is recorded again and again, on two nodes at once, is stored once", async () => {
  const other = testActivity(pool);
  const atMs = Date.now() - 1_000;
  const ids = Array.from({ length: 50 }, () => newEventId(atMs));
  const calls = [node, other, node].flatMap((one) =>
    ids.map((id) => one.record("bob", "post_opened", { post: id }, { id })),
  );
  await Promise.all(calls);
  await other.close();
  expect((await rowsOf("bob")).map(({ id }) => id)).toEqual(ids.toSorted());
});

test("S22: a text and a moment name an event of another system, also for a later repeat", async () => {
  const at = new Date(Date.now() - 60_000);
  const first = await node.record("eve", "post_liked", { post: "1" }, { id: "webhook 7", at });
  const second = await node.record("eve", "post_liked", { post: "1" }, { id: "webhook 7", at });
  expect(second).toBe(first);
  expect(await rowsOf("eve")).toHaveLength(1);
});

test("an event of a month that has no partition yet is stored", async () => {
  const at = Date.now() - 59 * 86_400_000;
  await node.record("old", "post_opened", { post: "1" }, { at });
  expect(await rowsOf("old")).toHaveLength(1);
});

test("S9: owners may have events of one id", async () => {
  const id = newEventId(Date.now());
  await Promise.all(["o1", "o2"].map((owner) => node.record(owner, "post_opened", { post: owner }, { id })));
  expect(await rowsOf("o1")).toMatchObject([{ data: { post: "o1" } }]);
  expect(await rowsOf("o2")).toMatchObject([{ data: { post: "o2" } }]);
});

test("S25: a full queue refuses at once, an owner's share before that of all, and takes events again", async () => {
  const small = testActivity(pool, { queueSize: 20 });
  const client = await pool.connect();
  await client.query("begin");
  await client.query("lock table sessions.activity_event in access exclusive mode");
  const record = (owners: readonly string[]) =>
    Promise.allSettled(owners.map((owner) => small.record(owner, "post_opened", { post: "1" })));
  const [ofOne, ofOthers] = [
    record(["one", "one", "one"]),
    record(Array.from({ length: 60 }, (_, own) => `other ${own}`)),
  ];
  // The refused ones are answered while all others wait for the lock.
  await expect(small.record("one", "post_opened", { post: "1" })).rejects.toMatchObject({ code: "queue_full" });
  await client.query("rollback");
  client.release();
  const storedOf = async (calls: typeof ofOne) => (await calls).filter(({ status }) => status === "fulfilled").length;
  expect(await storedOf(ofOne)).toBe(2);
  expect(await storedOf(ofOthers)).toBe(18);
  await small.record("one", "post_opened", { post: "1" });
  expect(await rowsOf("one")).toHaveLength(3);
  await small.close();
});

test("`recordSoon` stores events that nobody waits for, at the latest when the node closes", async () => {
  const other = testActivity(pool);
  for (const post of ["1", "2", "3"]) expect(other.recordSoon("fay", "post_opened", { post })).toBe(true);
  await other.close();
  expect(await rowsOf("fay")).toHaveLength(3);
  await expect(other.record("fay", "post_opened", { post: "4" })).rejects.toMatchObject({ code: "closed" });
  expect(() => other.recordSoon("fay", "post_opened", { post: "4" })).toThrow("closed");
});

test("before the tables are there, the fault says what to do", async () => {
  const other = testActivity(pool, { schema: "elsewhere" });
  await expect(other.record("ada", "post_opened", { post: "1" })).rejects.toThrow("Run activity.migrate() once");
  await other.close();
});

test("it also works on PGlite", async () => {
  const database = await emptyPGlite();
  const embedded = testActivity(database);
  await embedded.migrate();
  const id = newEventId(Date.now());
  for (let count = 0; count < 2; count += 1) await embedded.record("ada", "post_opened", { post: "42" }, { id });
  const { rows } = await database.query("select data from sessions.activity_event");
  expect(rows).toEqual([{ data: { post: "42" } }]);
  await embedded.start();
  await eventually(async () => expect(await embedded.current("ada", reading)).toMatchObject({ events: 1 }));
  expect(await embedded.sweep()).toBe(0);
  await embedded.close();
  await database.close();
});
