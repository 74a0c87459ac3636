import { sql } from "kysely";
import { v7 as uuidv7 } from "uuid";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { SessionsError } from "@sessions/core/internal";
import { eventually } from "../testing/eventually.ts";
import { addToFold, foldOf, wrongStreams } from "../testing/projections/fold.ts";
import { append, createLog, log } from "../testing/projections/log.ts";
import { emptyPGlite } from "../testing/pglite.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { project, type Projection, type ProjectionContext } from "./projection.ts";
import { createProjections, createTimedProjections, type Projections } from "./projections.ts";

const { pool } = await freshDatabase();
const nodes: Projections[] = [];
const faults: SessionsError[] = [];
const reason = { who: "grace", why: "a test" };

beforeAll(async () => {
  await createProjections({ database: pool, projections: [] }).migrate();
  await createLog(pool);
});
beforeEach(async () => {
  faults.length = 0;
  await pool.query(`truncate sessions.log, fold, sessions.projection, sessions.projection_feed,
    sessions.projection_progress, sessions.projection_fault, sessions.projection_audit`);
  await pool.query("drop table if exists sums, sums_2, sums_3");
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

async function begin(...projections: readonly Projection[]): Promise<Projections> {
  const options = { database: pool, projections, onError: (fault: SessionsError) => void faults.push(fault) };
  const node = createTimedProjections(options, { pollMs: 50 });
  nodes.push(node);
  await node.start();
  return node;
}

/** A projection that throws at the value 13 as long as it is broken. */
const broken = { isBroken: true };
const unlucky = foldOf({
  handleBatch: async (entries, context) => {
    if (broken.isBroken && entries.some(({ value }) => value === 13)) throw new TypeError("Secret 13");
    await addToFold(entries, context);
  },
});

test("S22: an entry whose handler throws stops its own session alone, and a retry lets it go on", async () => {
  broken.isBroken = true;
  const node = await begin(unlucky);
  const [bad, ...good] = Array.from({ length: 9 }, () => uuidv7()) as [string, ...string[]];
  await append(pool, "ada", bad, 1, [1, 13, 2]);
  for (const stream of good) await append(pool, "bob", stream, 1, [1, 2, 3]);
  await node.caughtUp("fold", "now");
  await append(pool, "ada", bad, 4, [3]);
  await append(pool, "bob", good[0]!, 4, [4]);
  await node.caughtUp("fold", "now");
  expect(await wrongStreams(pool)).toMatchObject([{ stream: bad }]);
  await expect(node.caughtUp("fold", { owner: "ada", session: bad })).rejects.toThrow(/waits at entry 2/);
  const [fault] = await node.faults("fold");
  expect(fault).toMatchObject({ owner: "ada", stream: bad, number: 2, error: "TypeError", code: null });
  expect(fault!.line).toMatch(/projections\.pg\.test/);
  expect((await node.status())[0]).toMatchObject({ waiting: 1, isLive: true, scan: null });

  broken.isBroken = false;
  await node.retry(fault!, reason);
  await eventually(async () => expect(await wrongStreams(pool)).toEqual([]));
  await node.caughtUp("fold", { owner: "ada", session: bad });
  expect(await node.faults("fold")).toEqual([]);
  const { rows } = await pool.query("select action, who, why, owner_id, number from sessions.projection_audit");
  expect(rows).toEqual([{ action: "retry", ...reason, owner_id: "ada", number: 2 }]);
  expect(JSON.stringify([faults.map(({ message }) => message), fault])).not.toContain("Secret");
  expect(faults[0]).toMatchObject({ code: "projection_failed" });
});

test("a sweep deletes entries of the audit that are older than the application keeps them, and no others", async () => {
  const nowMs = Date.now();
  const open = (options: { auditKept?: "30d"; now?: () => number }) =>
    createProjections({ database: pool, projections: [], now: () => nowMs, ...options });
  const insert = (days: number, count: number) =>
    pool.query(
      `insert into sessions.projection_audit (id, projection, build, owner_id, stream_id, number, action, who, why, at)
       select gen_random_uuid(), 'fold', 1, 'ada', 'stream', 1, 'retry', 'grace', 'a test', $1::timestamptz
       from generate_series(1, $2::int)`,
      [new Date(nowMs - days * 86_400_000), count],
    );
  const daysLeft = async () => {
    const { rows } = await pool.query<{ days: number }>(
      "select distinct extract(day from $1::timestamptz - at)::int as days from sessions.projection_audit order by 1",
      [new Date(nowMs)],
    );
    return rows.map(({ days }) => days);
  };
  await insert(29, 3);
  await insert(40, 2_500);
  await insert(731, 2);
  expect(await open({}).sweep()).toBe(2);
  expect(await open({ auditKept: "30d" }).sweep()).toBe(2_500);
  expect(await daysLeft()).toEqual([29]);
  const later = { auditKept: "30d", now: () => nowMs + 2 * 86_400_000 } as const;
  expect(await Promise.all([open(later).sweep(), open(later).sweep()])).toContain(3);
  expect(() => open({ auditKept: "1y" as never })).toThrow(/^configuration_invalid: `auditKept` is a duration/);
});

test("a skipped entry counts as applied, its session goes on behind it, and the audit keeps who did it", async () => {
  broken.isBroken = true;
  const sums = project(log, {
    name: "sums",
    handle: async ({ stream, value }, { tx }) => {
      if (value === 13) throw new Error("It is 13.");
      await sql`insert into fold (stream, total, entries, last) values (${stream}::uuid, ${value}, 1, 1)
        on conflict (stream) do update set total = fold.total + excluded.total`.execute(tx);
    },
  });
  const node = await begin(sums);
  const stream = uuidv7();
  await append(pool, "ada", stream, 1, [1, 13, 4]);
  await eventually(async () => expect(await node.faults("sums")).toHaveLength(1));
  const [fault] = await node.faults("sums");
  expect(await node.skip(fault!, reason)).toBe(true);
  await node.caughtUp("sums", { owner: "ada", session: stream });
  expect((await pool.query("select total from fold")).rows).toEqual([{ total: "5" }]);
  expect(await node.skip(fault!, reason)).toBe(false);
  const { rows } = await pool.query("select action, who, why, number from sessions.projection_audit");
  expect(rows).toEqual([{ action: "skip", ...reason, number: 2 }]);
});

const sumsOf = (version: number, factor: number, during: () => Promise<void> = () => Promise.resolve()) =>
  project(log, {
    name: "sums",
    version,
    tables: {
      sums: (db, table) => sql`create table ${table} (stream uuid primary key, total bigint not null)`.execute(db),
    },
    handleBatch: async (entries, { tx, table }: ProjectionContext) => {
      await during();
      for (const { stream, value } of entries) {
        await sql`insert into ${sql.table(table("sums"))} as sums values (${stream}::uuid, ${value * factor})
          on conflict (stream) do update set total = sums.total + excluded.total`.execute(tx);
      }
    },
  });
const totals = async () =>
  (await pool.query<{ total: string }>("select total from sums order by total")).rows.map(({ total }) => Number(total));

test("S22: a new version fills tables beside the old ones, which stay live until it has read everything", async () => {
  const [one, two] = [uuidv7(), uuidv7()];
  await append(pool, "ada", one, 1, [1, 2]);
  const old = await begin(sumsOf(1, 1));
  await old.caughtUp("sums", "now");
  expect(await totals()).toEqual([3]);

  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const next = await begin(sumsOf(2, 10, () => opened));
  await append(pool, "bob", two, 1, [5]);
  await old.caughtUp("sums", { owner: "bob", session: two });
  expect(await totals()).toEqual([3, 5]);
  expect((await next.status()).map(({ version, isLive }) => ({ version, isLive }))).toEqual([
    { version: 1, isLive: true },
    { version: 2, isLive: false },
  ]);
  open();
  await eventually(async () => expect(await totals()).toEqual([30, 50]));
  await append(pool, "ada", one, 3, [4]);
  await eventually(async () => expect(await totals()).toEqual([50, 70]));
  await eventually(async () => {
    const { rows } = await pool.query("select distinct build from sessions.projection_progress");
    expect(rows).toEqual([{ build: 2 }]);
  });
  expect(faults).toEqual([]);
});

test("S22: a rebuild of the same version fills its tables from the whole history", async () => {
  const stream = uuidv7();
  await append(pool, "ada", stream, 1, [1, 2]);
  const node = await begin(sumsOf(1, 1));
  await node.caughtUp("sums", "now");
  await pool.query("update sums set total = 99");
  await node.rebuild("sums");
  await eventually(async () => expect(await totals()).toEqual([3]));
  await append(pool, "ada", stream, 3, [4]);
  await eventually(async () => expect(await totals()).toEqual([7]));
  expect(faults).toEqual([]);
});

test("S22: a projection that begins now applies nothing that was written before", async () => {
  const [before, after] = [uuidv7(), uuidv7()];
  await append(pool, "ada", before, 1, [1, 2]);
  const seen: number[] = [];
  const mail = project(log, { name: "mail", begins: "now", handle: ({ value }) => void seen.push(value) });
  const node = await begin(mail);
  await node.caughtUp("mail", "now");
  await append(pool, "ada", before, 3, [3]);
  await append(pool, "ada", after, 1, [4]);
  await node.caughtUp("mail", "now");
  expect(seen.toSorted((one, other) => one - other)).toEqual([3, 4]);
});

test("S22: a database that was restored into another cluster goes on exactly", async () => {
  const [one, two] = [uuidv7(), uuidv7()];
  const node = await begin(foldOf());
  await append(pool, "ada", one, 1, [1, 2]);
  await node.caughtUp("fold", "now");
  await node.close();
  await append(pool, "ada", one, 3, [3]);
  // A dump holds the numbers of the transactions of the cluster that it comes from: here they are far ahead.
  await pool.query("update sessions.log set xid = (xid::text::bigint + 1000000000)::text::xid8");
  await pool.query(`update sessions.projection_feed set cluster = '1', snapshot = '1000000000:1000000000:'`);
  await append(pool, "ada", one, 4, [4]);
  await append(pool, "bob", two, 1, [5]);
  const restored = await begin(foldOf());
  await eventually(async () => expect(await wrongStreams(pool)).toEqual([]));
  await append(pool, "bob", two, 2, [6]);
  await restored.caughtUp("fold", "now");
  expect(await wrongStreams(pool)).toEqual([]);
  const { rows } = await pool.query(
    "select count(*)::integer as ahead from sessions.log where xid >= pg_snapshot_xmax(pg_current_snapshot())",
  );
  expect(rows).toEqual([{ ahead: 0 }]);
  expect(faults).toEqual([]);
});

test("a page that waits for a projection that does not work is told so in time", async () => {
  const node = createProjections({ database: pool, projections: [foldOf()] });
  await expect(node.caughtUp("fold", "now", { timeMs: 20 })).rejects.toMatchObject({ code: "projection_late" });
  await expect(node.caughtUp("none", "now")).rejects.toMatchObject({ code: "configuration_invalid" });
  await node.close();
});

test("a distributed Postgres, and options that cannot work, are refused", () => {
  expect(() => createProjections({ database: pool, databaseKind: "citus", projections: [] })).toThrow(/one PostgreSQL/);
  expect(() => createProjections({ database: pool, projections: [foldOf(), foldOf()] })).toThrow(/same name/);
  expect(() => foldOf({ version: 2 })).toThrow(/needs `tables`/);
  expect(() => foldOf({ name: "Fold" })).toThrow(/`name`/);
});

test("a node that has nothing to do sends one statement at a time, for all its projections together", async () => {
  const node = await begin(foldOf(), foldOf({ name: "other", handleBatch: () => {} }));
  await append(pool, "ada", uuidv7(), 1, [1]);
  for (const name of ["fold", "other"]) await node.caughtUp(name, "now");
  // The pool's clients are few, and each has been used by now.
  const sent: string[] = [];
  const listen = (client: { query: unknown }) => {
    const query = client.query as (...given: readonly unknown[]) => unknown;
    client.query = (...given: unknown[]) => {
      sent.push((given[0] as { text?: string }).text ?? String(given[0]));
      return query.apply(client, given);
    };
  };
  const clients = await Promise.all(Array.from({ length: 10 }, () => pool.connect()));
  for (const client of clients) listen(client);
  clients.forEach((client) => client.release());
  // After the last entry it looks a few times more.
  await eventually(async () => {
    expect(sent.length).toBeGreaterThan(8);
    expect(sent.slice(-8).filter((text) => !text.startsWith('with "beaten"'))).toEqual([]);
  });
});

test("S22: a PGlite has projections too", async () => {
  const lite = await emptyPGlite();
  const node = createProjections({ database: lite, projections: [foldOf()], onError: (fault) => faults.push(fault) });
  await node.migrate();
  await lite.exec(`
    create table sessions.log (owner_id text, stream uuid, number integer, value integer, at timestamptz default now(),
      xid xid8 not null default pg_current_xact_id(), primary key (owner_id, stream, number));
    create index on sessions.log (xid);
    create table fold (stream uuid primary key, total bigint, entries integer, last integer);
    insert into sessions.log (owner_id, stream, number, value)
      select 'ada', '00000000-0000-7000-8000-000000000001', n, n from generate_series(1, 10) as n`);
  await node.start();
  await node.caughtUp("fold", "now");
  expect((await lite.query("select total, entries from fold")).rows).toEqual([{ total: 55, entries: 10 }]);
  await node.close();
  await lite.close();
  expect(faults).toEqual([]);
});
