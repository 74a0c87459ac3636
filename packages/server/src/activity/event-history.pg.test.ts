import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { project } from "../projections/projection.ts";
import { createProjections } from "../projections/projections.ts";
import { likes, reading, testActivity } from "../testing/activity/activities.ts";
import { adoptSessions, visitorNamed } from "../testing/adopting.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { eventHistory } from "./index.ts";

const { pool } = await freshDatabase();
const faults: unknown[] = [];
const node = testActivity(pool, { onError: (fault) => void faults.push(fault) });
/** It lags behind, as long as it is not started. */
const projections = createProjections({
  database: pool,
  onError: (fault) => void faults.push(fault),
  projections: [
    project(eventHistory([reading, likes]), {
      name: "posts",
      handle: async ({ owner, id, event, data }, { tx }) => {
        const seconds = event === "post_opened" ? (data.seconds ?? 0) : null;
        await sql`insert into seen (owner, id, post, seconds) values (${owner}, ${id}::uuid, ${data.post}, ${seconds})`.execute(
          tx,
        );
      },
    }),
  ],
});

beforeAll(async () => {
  await node.migrate();
  await node.start();
  await pool.query("create table seen (owner text, id uuid, post text, seconds integer, primary key (owner, id))");
  await projections.start();
});
afterAll(async () => {
  await projections.close();
  await node.close();
});

const seenOf = async (owner: string) =>
  (await pool.query("select post, seconds from seen where owner = $1 order by post", [owner])).rows;

test("S22: a projection gets each recorded event once, typed", async () => {
  await node.record("ada", "post_opened", { post: "a", seconds: 3 });
  await node.record("ada", "post_liked", { post: "b" });
  await Promise.all(Array.from({ length: 200 }, (_, post) => node.record("bob", "post_liked", { post: String(post) })));
  await projections.caughtUp("posts", "now");
  expect(await seenOf("ada")).toEqual([
    { post: "a", seconds: 3 },
    { post: "b", seconds: null },
  ]);
  expect(await seenOf("bob")).toHaveLength(200);
  expect(faults).toEqual([]);
});

test("S22: a visitor's events come once more as the owner's, also to a projection that lags behind", async () => {
  const [early, late] = [visitorNamed("early"), visitorNamed("late")];
  await node.record(early, "post_liked", { post: "early" });
  await projections.caughtUp("posts", "now");
  const blocked = await pool.connect();
  await blocked.query("begin");
  await blocked.query("lock table seen");
  await node.record(late, "post_liked", { post: "late" });
  for (const visitor of [early, late]) await adoptSessions(node, visitor, "carol");
  await node.caughtUp();
  await blocked.query("commit");
  blocked.release();
  await projections.caughtUp("posts", "now");
  expect(await seenOf("carol")).toEqual([
    { post: "early", seconds: null },
    { post: "late", seconds: null },
  ]);
  expect(await node.current("carol", reading)).toMatchObject({ events: 2 });
  await node.caughtUp();
  expect(await node.current("carol", reading)).toMatchObject({ events: 2 });
  expect(faults).toEqual([]);
});
