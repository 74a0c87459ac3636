import { afterAll, expect, test } from "vitest";
import { reading, testActivity } from "../testing/activity/activities.ts";
import { eventually } from "../testing/eventually.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { ProjectionOperator } from "../projections/operator.ts";
import type { ProjectionTables } from "../projections/rows/tables.ts";
import { createKysely } from "../postgres/database.ts";

const { pool } = await freshDatabase();
const faults: unknown[] = [];
const node = testActivity(pool, { onError: (fault) => void faults.push(fault) });
await node.migrate();
await node.start();
afterAll(() => node.close());
const operator = new ProjectionOperator({
  db: createKysely<ProjectionTables>(pool),
  schema: "sessions",
  now: Date.now,
});

const open = (owner: string, post: string) => node.record(owner, "post_opened", { post, seconds: 1 });
const postsOf = async (owner: string) => (await node.current(owner, reading))?.counts.posts ?? 0;
const goOn = async () => {
  for (const fault of await operator.faults("activity", 10))
    await operator.retry(fault, { who: "grace", why: "mended" });
  await eventually(async () => expect(await operator.faults("activity", 10)).toEqual([]));
};

test("S22: an owner whose events cannot be added waits alone, and all are counted once when they can", async () => {
  await pool.query(`
    create function no_more() returns trigger language plpgsql as $$ begin raise 'Secret'; end $$;
    create trigger no_more before insert or update on sessions.activity_session
      for each row when (new.owner_id in ('ada', 'guest')) execute function no_more()`);
  await Promise.all(["ada", "bob", "eve"].flatMap((owner) => ["1", "2"].map((post) => open(owner, post))));
  await eventually(async () => expect([await postsOf("bob"), await postsOf("eve")]).toEqual([2, 2]));
  await eventually(async () =>
    expect(await operator.faults("activity", 10)).toMatchObject([{ owner: "ada", tries: 1 }]),
  );
  await Promise.all([open("ada", "3"), open("bob", "3")]);
  await eventually(async () => expect(await postsOf("bob")).toBe(3));
  expect(await postsOf("ada")).toBe(0);
  await pool.query("drop trigger no_more on sessions.activity_session");
  await goOn();
  expect(await postsOf("ada")).toBe(3);
  await open("ada", "4");
  await eventually(async () => expect(await postsOf("ada")).toBe(4));
  expect(JSON.stringify(faults)).not.toContain("Secret");
});

test("S22: the events of a visitor who waits are counted once when an owner has adopted them", async () => {
  await pool.query(`create trigger no_more before insert or update on sessions.activity_session
    for each row when (new.owner_id = 'guest') execute function no_more()`);
  await open("guest", "1");
  await eventually(async () =>
    expect(await operator.faults("activity", 10)).toMatchObject([{ owner: "guest", tries: 1 }]),
  );
  await pool.query("insert into sessions.owner (owner_id, created_at, adopted_by) values ('guest', now(), 'carol')");
  await open("carol", "2");
  // It was on its way when the guest was adopted.
  await open("guest", "3");
  await eventually(async () => expect(await postsOf("carol")).toBe(1));
  await pool.query("drop trigger no_more on sessions.activity_session");
  await goOn();
  await eventually(async () => expect(await postsOf("carol")).toBe(3));
});
