import { expect, test } from "vitest";
import { createKysely } from "../../postgres/database.ts";
import type { Tables } from "../rows/tables.ts";
import { verify } from "./verify.ts";
import { databaseOfAda } from "../../testing/cli.ts";

const { pool, ada } = await databaseOfAda();

const db = createKysely<Tables>(pool).withSchema("sessions");

test.for<readonly [name: string, statement: string, says: string]>([
  [
    "an entry that was changed",
    "update sessions.session_event set body = jsonb_set(body::jsonb, '{status}', '\"completed\"') where session_id = $1 and entry = 3",
    "has an entry 3 that was changed",
  ],
  [
    "a content of an entry that was changed",
    "update sessions.session_event set content = jsonb_set(content::jsonb, '{data,cents}', '1') where session_id = $1 and entry = 3",
    "has an entry 3 whose content was changed",
  ],
  [
    "a content of an entry that is gone",
    "update sessions.session_event set content = null where session_id = $1 and entry = 3",
    "has other data than its history",
  ],
  ["an entry that is gone", "delete from sessions.session_event where session_id = $1 and entry = 2", "lacks entry 2"],
  [
    "the last entry gone",
    "delete from sessions.session_event where session_id = $1 and entry = 4",
    "ends at entry 4, its history at 3",
  ],
  [
    "a receipt that is gone",
    "update sessions.session_archive set receipts = '' where id = $1",
    "lacks the receipt of its entry 1",
  ],
  [
    "a revision that went back",
    "update sessions.session_archive set revision = 2 where id = $1",
    "is at revision 2, its history at 4",
  ],
  [
    "a session in two places",
    "insert into sessions.session select owner_id, id, flow, version, revision, state, sealed, receipts, entry, hash, ended_at, ended_at from sessions.session_archive where id = $1",
    "is active and archived",
  ],
  [
    "data that were changed",
    "update sessions.session_archive set state = jsonb_set(state::jsonb, '{data,amount,cents}', '1') where id = $1",
    "has other data than its history",
  ],
  [
    "a result that was changed",
    "update sessions.session_archive set state = jsonb_set(state::jsonb, '{result,reference}', '\"R-0\"') where id = $1",
    "has another result than its history",
  ],
  ["no row of its own", "delete from sessions.session_archive where id = $1", "is gone, and its history stays"],
])("S15: verify names the first session with %s", async ([, statement, says]) => {
  const { session, review } = await ada.untilReview();
  await ada.one(review);
  const tables = ["session_event", "session_archive", "session"];
  const rowsBefore = await Promise.all(tables.map((table) => pool.query(`select * from sessions.${table}`)));
  expect((await pool.query(statement, [session])).rowCount).toBe(1);
  expect((await verify(db)).broken).toEqual({ owner: "ada", session, reason: says });

  for (const [index, table] of tables.entries()) {
    await pool.query(`delete from sessions.${table}`);
    const rows = JSON.stringify(
      rowsBefore[index]!.rows.map((row: Record<string, unknown>) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            Buffer.isBuffer(value) ? `\\x${value.toString("hex")}` : value,
          ]),
        ),
      ),
    );
    await pool.query(
      `insert into sessions.${table} select * from json_populate_recordset(null::sessions.${table}, $1)`,
      [rows],
    );
  }
  expect((await verify(db)).broken).toBeNull();
});

test("S15: verify asks for no session of a month that a retention has dropped", async () => {
  const { session, review } = await ada.untilReview();
  await ada.one(review);
  const dropped = db.transaction().execute(async (tx) => {
    await tx.deleteFrom("session_archive").where("id", "=", session).execute();
    expect((await verify(tx)).broken).toMatchObject({ session, reason: "is gone, and its history stays" });
    expect((await verify(tx, { firstMonth: "2999-01" })).broken).toBeNull();
    throw new Error("Take it back.");
  });
  await expect(dropped).rejects.toThrow("Take it back.");
});
