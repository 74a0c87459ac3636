import { Client, Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { erasures, postgresBus } from "../index.ts";
import { createProjections, project } from "../projections/index.ts";
import { createBank, createLedger, draft, notes, start, submit, TestClient } from "../testing/bank.ts";
import { eventually } from "../testing/eventually.ts";
import { dump } from "../testing/erasure/filled-tables.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { signIn, testKeeper } from "../testing/sign-ins.ts";
import { watching } from "../testing/watcher.ts";

const { pool, url } = await freshDatabase();
const otherPool = new Pool({ connectionString: url });
const newBus = () => postgresBus({ client: () => new Client({ connectionString: url }) });
const node = createBank(pool, { sweeps: false, bus: newBus() });
const otherNode = createBank(otherPool, { sweeps: false, bus: newBus() });
const keeper = testKeeper(otherPool, { bus: newBus() });
const projections = createProjections({
  database: pool,
  projections: [
    project(erasures(), {
      name: "erased_accounts",
      version: 1,
      handle: async ({ owner }, { tx }) => {
        await tx.deleteFrom("ledger").where("owner", "=", owner).execute();
      },
    }),
  ],
});

beforeAll(async () => {
  await keeper.migrate();
  await node.migrate();
  await projections.migrate();
  await createLedger(pool);
  await projections.start();
});
afterAll(async () => {
  await projections.close();
  await keeper.close();
  await node.close();
  await otherNode.close();
  await otherPool.end();
});

test("S24: the streams, sign-ins and cached sessions of another node end within a second, and bring nothing back", async () => {
  const client = new TestClient(otherNode, "ada", "Canary phone");
  const session = uuidv7();
  await client.push(start(session, "notes"), submit(session, "left", { text: "Canary" }));
  const { token, signIn: live } = await signIn(keeper, "ada", { device: "Canary phone" });
  const ended = Promise.withResolvers<void>();
  keeper.onEnded((notice) => notice !== "everybody" && notice.publicId === live.publicId && ended.resolve());
  const stream = await watching(otherNode, "ada");
  expect(stream.seen).toHaveLength(1);

  const beganMs = performance.now();
  await node.as("ada", { name: "Privacy desk" }).erase();
  await Promise.all([stream.ended, ended.promise]);
  expect(performance.now() - beganMs).toBeLessThan(1_000 + 2_000);
  expect(await keeper.check(token)).not.toMatchObject({ kind: "live" });

  // The other node had the session in its cache.
  expect(await client.one(draft(session, "middle", "text", "Canary"))).toMatchObject({
    refusal: { code: "not_found" },
  });
  expect(await client.one(submit(session, "left", { text: "Canary" }))).toMatchObject({
    refusal: { code: "not_found" },
  });
  expect(await client.read(session)).toBeNull();
  for (const [table, lines] of await dump(pool)) {
    expect(
      lines.filter((line) => line.includes("Canary")),
      table,
    ).toEqual([]);
  }
});

test("S24: commands that race an erasure take effect before it and are erased, or are refused", async () => {
  const client = new TestClient(otherNode, "bob", "Canary");
  const sessions = Array.from({ length: 10 }, () => uuidv7());
  await client.push(...sessions.map((session) => start(session, "notes")));
  const racing = sessions.flatMap((session) =>
    Array.from({ length: 5 }, (_, nth) => client.one(submit(session, "left", { text: `Canary ${nth}` }))),
  );
  const [outcomes] = await Promise.all([Promise.all(racing), node.as("bob", { name: "Privacy desk" }).erase()]);
  for (const outcome of outcomes) {
    if (outcome.status === "refused") expect(["not_found", "conflict"]).toContain(outcome.refusal.code);
  }
  expect(await client.list()).toMatchObject({ active: [], ended: [] });
  for (const [table, lines] of await dump(pool)) {
    expect(
      lines.filter((line) => line.includes("Canary")),
      table,
    ).toEqual([]);
  }
});

test("S24: an application deletes what it keeps of an erased owner, once, by a projection", async () => {
  const client = new TestClient(node, "carl");
  await client.one((await client.untilReview()).review);
  await node.as("carl", { name: "Privacy desk" }).erase();
  await projections.caughtUp("erased_accounts", "now");
  const { rows } = await pool.query("select from ledger where owner = 'carl'");
  expect(rows).toEqual([]);
  // The owner comes back, and is erased again.
  expect(await node.as("carl", { name: "Job" }).start(notes)).toMatchObject({ status: "accepted" });
  await node.as("carl", { name: "Privacy desk" }).erase();
  const { rows: tombstones } = await pool.query("select number from sessions.erasure where owner_id = 'carl'");
  expect(tombstones).toEqual([{ number: 1 }, { number: 2 }]);
});

test("S24: a node that hears no notices refuses the tokens of an erased owner within its lease", async () => {
  const deaf = testKeeper(otherPool, { leaseMs: 100 });
  const { token } = await signIn(deaf, "dora", { device: "Canary phone" });
  expect(await deaf.check(token)).toMatchObject({ kind: "live" });
  await node.as("dora", { name: "Privacy desk" }).erase();
  await eventually(async () => expect(await deaf.check(token)).not.toMatchObject({ kind: "live" }));
  await deaf.close();
});

test("S24: a history whose session was dropped with its month is erased too", async () => {
  const client = new TestClient(node, "emil", "Canary phone");
  await client.one((await client.untilReview()).review);
  await pool.query("delete from sessions.session_archive where owner_id = 'emil'");
  await node.as("emil", { name: "Privacy desk" }).erase();
  const { rows } = await pool.query("select from sessions.session_event where owner_id = 'emil'");
  expect(rows).toEqual([]);
});
