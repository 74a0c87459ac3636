import { sql, type Kysely } from "kysely";
import { v7 as uuidv7 } from "uuid";
import { expect } from "vitest";
import type { SessionsError } from "@sessions/core/internal";
import { createKysely, type Database } from "../postgres/database.ts";
import type { OwnerTables } from "../postgres/tables.ts";
import { project } from "../projections/projection.ts";
import { createTimedProjections } from "../projections/projections.ts";
import { eventually } from "../testing/eventually.ts";
import { LAST, log } from "../testing/projections/log.ts";

/** Makes the tables of {@link runProjectionScenario}. */
export async function prepareProjections(database: Database): Promise<void> {
  const node = createTimedProjections({ database, projections: [] }, {});
  await node.migrate();
  const db = createKysely<OwnerTables>(database);
  for (const statement of [
    `create table sessions.log (
      owner_id text collate "C" not null, stream uuid not null, number integer not null, value integer not null,
      at timestamptz not null default now(), xid xid8 not null default pg_current_xact_id(),
      primary key (owner_id, stream, number))`,
    "create index on sessions.log (xid)",
  ])
    await sql.raw(statement).execute(db);
}

/** Runs two nodes over a database, which project, wait for an entry that fails, and rebuild. */
export async function runProjectionScenario(database: Database, name: string): Promise<void> {
  const faults: SessionsError[] = [];
  const broken = { is: true };
  const sums = project(log, {
    name,
    buckets: 2,
    tables: {
      [name]: (tables, table) => sql`create table ${table} (stream uuid primary key, total bigint)`.execute(tables),
    },
    handle: async ({ stream, value }, { tx, table }) => {
      if (broken.is && value === 13) throw new TypeError("It is 13.");
      await sql`insert into ${sql.table(table(name))} as sums values (${stream}::text::uuid, ${value}::integer)
        on conflict (stream) do update set total = sums.total + excluded.total`.execute(tx);
    },
  });
  const db = createKysely<OwnerTables>(database);
  const [one, two] = [1, 2].map(() =>
    createTimedProjections(
      { database, projections: [sums], onError: (fault) => void faults.push(fault) },
      { pollMs: 20, leaseMs: 1_000 },
    ),
  ) as [ReturnType<typeof createTimedProjections>, ReturnType<typeof createTimedProjections>];
  await one.start();
  await two.start();
  const streams = Array.from({ length: 6 }, () => uuidv7());
  const [waits] = streams as [string, ...string[]];
  for (const stream of streams) await append(db, stream, 1, [1, stream === waits ? 13 : 3, 5]);
  await eventually(async () =>
    expect(await two.faults(name)).toMatchObject([{ stream: waits, number: 2, code: null }]),
  );
  for (const stream of streams) await append(db, stream, 4, [LAST]);
  await one.caughtUp(name, "now");
  expect(await totals(db, name)).toEqual([1, 8, 8, 8, 8, 8]);
  broken.is = false;
  const [fault] = await two.faults(name);
  await two.retry(fault!, { who: "grace", why: "mended" });
  await eventually(async () => expect(await totals(db, name)).toEqual([8, 8, 8, 8, 8, 18]));
  await one.caughtUp(name, { owner: "ada", session: waits });
  await one.rebuild(name);
  await eventually(async () =>
    expect((await two.status()).map(({ build, isLive }) => [build, isLive])).toEqual([[2, true]]),
  );
  await append(db, uuidv7(), 1, [2]);
  await two.caughtUp(name, "now");
  expect(await totals(db, name)).toEqual([2, 8, 8, 8, 8, 8, 18]);
  await one.close();
  await two.close();
  expect(faults.map(({ code }) => code)).toEqual(faults.map(() => "projection_failed"));
  await sql`truncate sessions.log, sessions.projection, sessions.projection_feed, sessions.projection_progress`.execute(
    db,
  );
}

async function append(db: Kysely<OwnerTables>, stream: string, from: number, values: readonly number[]): Promise<void> {
  for (const [index, value] of values.entries()) {
    await sql`insert into sessions.log (owner_id, stream, number, value)
      values ('ada', ${stream}::text::uuid, ${from + index}::integer, ${value}::integer)`.execute(db);
  }
}

async function totals(db: Kysely<OwnerTables>, name: string): Promise<readonly number[]> {
  const { rows } = await sql<{
    total: string;
  }>`select total::text as total from ${sql.table(name)} order by total::integer`.execute(db);
  return rows.map(({ total }) => Number(total));
}
