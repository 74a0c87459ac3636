import { PostgresDialect } from "kysely";
import { Pool } from "pg";
import { expect, test } from "vitest";
import { v7 as uuidv7 } from "uuid";
import { verify } from "../flows/verification/verify.ts";
import type { Tables } from "../flows/rows/tables.ts";
import { adoptSessions, visitorNamed } from "../testing/adopting.ts";
import { createKysely } from "./database.ts";
import { createBank, createLedger, start, submit, TestClient } from "../testing/bank.ts";
import { emptyPGlite } from "../testing/pglite.ts";
import { freshDatabase } from "../testing/postgres.ts";

test("a database that does not answer is told in one sentence", async () => {
  const pool = new Pool({ connectionString: "postgres://nobody@127.0.0.1:1/none" });
  const error = await createBank(pool)
    .check()
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ name: "SessionsError", code: "database_unreachable" });
  expect(String(error)).toContain("ECONNREFUSED");
  await pool.end();
});

test("a database that is not migrated says so, at the check and at a push", async () => {
  const { pool } = await freshDatabase();
  const sessions = createBank(pool);
  const expected = { code: "database_not_migrated", message: expect.stringContaining("sessions.migrate()") };
  await expect(sessions.check()).rejects.toMatchObject(expected);
  await expect(new TestClient(sessions, "ada").one(start(uuidv7()))).rejects.toMatchObject({
    message: expect.stringContaining("sessions.migrate()"),
  });
});

test("a database that a newer version migrated says so, and is not migrated further", async () => {
  const { pool } = await freshDatabase();
  const sessions = createBank(pool);
  await sessions.migrate();
  await pool.query("insert into sessions.migration (name, timestamp) values ('9999_future', '2030-01-01')");
  const expected = { code: "database_newer", message: expect.stringContaining("9999_future") };
  await expect(sessions.check()).rejects.toMatchObject(expected);
  await expect(sessions.migrate()).rejects.toMatchObject(expected);
});

test("five nodes migrate one database at once", async () => {
  const { pool } = await freshDatabase();
  const nodes = Array.from({ length: 5 }, () => createBank(pool));
  await Promise.all(nodes.map((node) => node.migrate()));
  await Promise.all(nodes.map((node) => node.check()));
  const { rows } = await pool.query<{ count: string }>(
    "select count(*) from pg_inherits where inhparent = 'sessions.session_archive'::regclass",
  );
  expect(Number(rows[0]?.count)).toBe(4);
});

test("a month without partitions gets them when its first row comes", async () => {
  const { pool } = await freshDatabase();
  let nowMs = Date.UTC(2026, 0, 15);
  const options = { now: () => nowMs };
  await createBank(pool, options).migrate();
  await createLedger(pool);
  nowMs = Date.UTC(2031, 6, 31, 23, 59, 59);
  const nodes = [createBank(pool, options), createBank(pool, options)];
  const outcomes = await Promise.all(
    nodes.map(async (node) => {
      const teller = new TestClient(node, uuidv7());
      const { review } = await teller.untilReview();
      return teller.one(review);
    }),
  );
  expect(outcomes).toMatchObject([{ status: "accepted" }, { status: "accepted" }]);
});

test("the schema's name is configurable, and two of them do not meet", async () => {
  const { pool } = await freshDatabase();
  const one = createBank(pool, { schema: "one" });
  const two = createBank(pool, { schema: "two" });
  await one.migrate();
  await two.migrate();
  const session = uuidv7();
  await new TestClient(one, "ada").one(start(session, "notes"));
  expect(await new TestClient(one, "ada").read(session)).toMatchObject({ revision: 1 });
  expect(await new TestClient(two, "ada").read(session)).toBeNull();
  expect(() => createBank(pool, { schema: 'x"; drop' })).toThrow(/schema/);
});

test("S5: a transfer runs the same on PGlite and through a Kysely dialect", { timeout: 60_000 }, async () => {
  const { pool } = await freshDatabase();
  const lite = await emptyPGlite();
  const query = async (sql: string) => void (await lite.exec(sql));
  const cases = [
    {
      database: lite,
      createTables: () => createLedger({ query }),
      rows: async () => (await lite.query("select * from ledger")).rows,
    },
    {
      database: new PostgresDialect({ pool }),
      createTables: () => createLedger(pool),
      rows: async () => (await pool.query("select * from ledger")).rows as unknown[],
    },
  ];
  for (const { database, createTables, rows } of cases) {
    const sessions = createBank(database);
    await sessions.migrate();
    await sessions.check();
    await createTables();
    const ada = new TestClient(sessions, "ada");
    const ready = [await ada.untilReview(), await ada.untilReview()];
    const outcomes = await Promise.all(ready.map(({ review }) => ada.one(review)));
    expect(outcomes).toMatchObject([{ status: "accepted" }, { status: "accepted" }]);
    expect(await rows()).toHaveLength(2);
    const session = uuidv7();
    await ada.push(start(session, "notes"), submit(session, "left", { text: "x" }));
    const { active, ended } = await ada.list();
    expect([active.length, ended.length]).toEqual([1, 2]);
    const visitor = visitorNamed("lite");
    const begun = await new TestClient(sessions, visitor).untilReview();
    await adoptSessions(sessions, visitor, "ada");
    expect(await ada.read(begun.session)).toMatchObject({ revision: 4, status: "active" });
    expect((await verify(createKysely<Tables>(database).withSchema("sessions"))).broken).toBeNull();
  }
  await lite.close();
});
