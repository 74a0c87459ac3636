import { beforeAll, describe, expect, test } from "vitest";
import { createBank, createLedger } from "../../testing/bank.ts";
import { sendEveryStatement } from "../../testing/statements/every-statement.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { recordingPool } from "../../testing/statements/statement-recorder.ts";
import { isHot, violations } from "../../testing/statements/statement-rules.ts";

const { pool, url } = await freshDatabase();
const volatile = new Set<string>();

beforeAll(async () => {
  await createBank(pool).migrate();
  await createLedger(pool);
  // What is stable and takes nothing reads a clock or who is asking.
  const { rows } = await pool.query<{ proname: string }>(
    "select proname from pg_proc where provolatile = 'v' or (provolatile = 's' and pronargs = 0)",
  );
  for (const { proname } of rows) volatile.add(proname);
});

const rules = (batches: boolean) => ({
  schema: "sessions",
  isVolatile: (name: string) => volatile.has(name),
  batches,
});

describe.each(["postgres", "citus"] as const)("with a database of the kind %s", (databaseKind) => {
  test("every hot statement that is sent names its owner in each part, and no clock, volatile function or notification", async () => {
    const recording = recordingPool({ connectionString: url, pipeline: databaseKind === "citus" });
    await sendEveryStatement(recording.pool, { databaseKind, owner: `ada of ${databaseKind}`, startMs: Date.now() });
    await recording.pool.end();

    const texts = [...new Set(recording.sent.map(({ text }) => text))];
    const hot: string[] = [];
    for (const text of texts) {
      if (await isHot(text, "sessions")) hot.push(text);
      expect(await violations(text, rules(databaseKind === "postgres")), text).toEqual([]);
    }
    // As many as there are ways to read and write a session: fewer would mean that some were not sent.
    expect(hot.length).toBeGreaterThanOrEqual(18);
    for (const table of ["session", "session_archive", "session_event", "owner", "device"]) {
      expect(hot.some((text) => new RegExp(`sessions"?\\."?${table}\\b`).test(text))).toBe(true);
    }
  });
});

test("no table has a trigger or a default that is computed, but the id of the transaction", async () => {
  const { rows } = await pool.query(`
    select tgname from pg_trigger join pg_class on pg_class.oid = tgrelid
    where relnamespace = 'sessions'::regnamespace and not tgisinternal
    union all
    select column_name from information_schema.columns
    where table_schema = 'sessions' and column_default like '%(%' and column_name <> 'xid' and table_name not like 'migration%'`);
  expect(rows).toEqual([]);
});

const own = '"owner_id" = $1';
test.each([
  ["by id alone", "select * from sessions.session where id = $1"],
  ["a literal owner", "select * from sessions.session where owner_id = 'ada'"],
  ["a selected owner", "select * from sessions.session where owner_id = (select $1)"],
  ["either owner", "select * from sessions.session where owner_id = $1 or id = $2"],
  [
    "a subquery without",
    `delete from sessions.session where ${own} and id in (select id from sessions.session_archive)`,
  ],
  [
    "a common table expression without",
    `with a as (delete from sessions.session where id = $2 returning *) select * from a where ${own}`,
  ],
  ["what reads one without", `with a as (select * from sessions.session where ${own}) select * from a`],
  [
    "one side of a join",
    `select * from sessions.session s join sessions.session_event e using (owner_id) where s.${own}`,
  ],
  ["one arm of a union", `select id from sessions.session where ${own} union select id from sessions.session_archive`],
  ["a lock over owners", "select * from sessions.session where expires_bucket <= $1 limit 5 for update skip locked"],
  ["now", `update sessions.session set expires_at = now() where ${own}`],
  ["current_timestamp", `update sessions.session set expires_at = current_timestamp where ${own}`],
  ["an id of the database", "insert into sessions.session (owner_id, id) values ($1, uuidv7())"],
  ["a literal inserted", "insert into sessions.session (owner_id, id) values ('ada', $1)"],
  ["column and interval", `select 1 from sessions.session where ${own} and expires_at < $2 + interval '1 hour'`],
  ["a notification", `select pg_notify('x', id::text) from sessions.session where ${own}`],
  ["an advisory lock", `select pg_advisory_xact_lock(1) from sessions.session where ${own}`],
  ["two statements", `select 1; select 1 from sessions.session where ${own}`],
  [
    "an insert of rows that were updated",
    `with a as (update sessions.session set revision = 2 where ${own} returning owner_id, id)
     insert into sessions.session_event (owner_id, session_id) select owner_id, id from a where owner_id = $1`,
  ],
  [
    "an insert of rows that were inserted",
    `with a as (insert into sessions.session (owner_id, id) values ($1, $2) returning owner_id, id)
     insert into sessions.session_event (owner_id, session_id) select owner_id, id from a where owner_id = $1`,
  ],
  [
    "a write beside a read",
    `with a as (update sessions.session set revision = 2 where ${own} returning id) select 1 from a where ${own}`,
  ],
  [
    "a batch",
    "update sessions.session s set revision = i.r from unnest($1::text[], $2::int[]) as i (o, r) where owner_id = o",
  ],
  [
    "a time made of a text after a conflict",
    "insert into sessions.device (owner_id, id) values ($1, $2) on conflict (owner_id, id) do update set last_seen_at = $3::text::timestamptz",
  ],
  [
    "a time made of a column",
    "update sessions.session set revision = 2 where owner_id = $1 and flow::timestamptz < $2::text::timestamptz",
  ],
])("the check finds %s", async (_, text) => {
  expect(await violations(text, rules(false))).not.toEqual([]);
});
