import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import { createBank, createLedger, start, submit, TestClient } from "../../testing/bank.ts";
import { sendEveryStatement } from "../../testing/statements/every-statement.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { recordingPool, type Sent } from "../../testing/statements/statement-recorder.ts";
import { isHot } from "../../testing/statements/statement-rules.ts";

const HOT_ROWS = 100_000;
/** Spread over six months; half of them are one owner's. */
const ARCHIVED_ROWS = 6_000;

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly Plans?: readonly Plan[];
}

const { pool, url } = await freshDatabase();

beforeAll(async () => {
  await createBank(pool).migrate();
  await createLedger(pool);
  await fill(pool);
});

describe.each(["postgres", "citus"] as const)("with 100,000 active sessions and the kind %s", (databaseKind) => {
  const statements: Sent[] = [];
  beforeAll(async () => {
    const recording = recordingPool({ connectionString: url, pipeline: databaseKind === "citus" });
    await sendEveryStatement(recording.pool, { databaseKind, owner: "heavy", startMs: Date.now() });
    await recording.pool.end();
    const byText = new Map(recording.sent.map((each) => [each.text, each]));
    for (const each of byText.values()) if (await isHot(each.text, "sessions")) statements.push(each);
  });

  test.each(["with its values", "for any values"])(
    "every hot statement goes by an index, planned %s",
    async (planned) => {
      expect(statements.length).toBeGreaterThanOrEqual(20);
      for (const statement of statements) {
        const nodes = nodesOf(await planOf(statement, planned === "for any values"));
        const scanned = nodes.filter((node) => node["Node Type"] === "Seq Scan").map((node) => node["Relation Name"]);
        expect(scanned, statement.text).toEqual([]);
      }
    },
  );

  test("a page of a list comes in the order of an index, unsorted", async () => {
    const lists = statements.filter(({ text }) => /order by "(ended_at|id)" desc/.test(text));
    expect(lists.length).toBeGreaterThanOrEqual(6);
    for (const statement of lists) {
      const sorts = nodesOf(await planOf(statement, false)).filter((node) => /Sort/.test(node["Node Type"]));
      expect(sorts, statement.text).toEqual([]);
    }
  });
});

test("the check finds a sequential scan and a sort", async () => {
  const plan = await planOf(
    { text: "select id from sessions.session where entry = $1 order by entry, flow", values: [7] },
    false,
  );
  expect(nodesOf(plan).map((node) => node["Node Type"])).toEqual(expect.arrayContaining(["Seq Scan", "Sort"]));
});

async function planOf({ text, values }: Sent, generic: boolean): Promise<Plan> {
  // A plan for any values is asked for without them.
  const { rows } = await pool.query<{ "QUERY PLAN": readonly { readonly Plan: Plan }[] }>(
    `explain (format json${generic ? ", generic_plan" : ""}) ${text}`,
    generic ? undefined : [...values],
  );
  return rows[0]!["QUERY PLAN"][0]!.Plan;
}

function nodesOf(plan: Plan): readonly Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** Copies one real session into many, active and ended, and its history's first entry into many. */
async function fill(to: Pool): Promise<void> {
  const session = uuidv7();
  await new TestClient(createBank(to), "heavy").push(
    start(session, "notes"),
    submit(session, "left", { text: "model" }),
  );
  const columns = "version, revision, state, receipts, entry, hash";
  await to.query(
    `insert into sessions.session (owner_id, id, flow, ${columns}, expires_at, expires_bucket)
     select case when n <= 10 then 'heavy' else 'owner ' || n / 10 end, uuidv7(), flow, ${columns},
       expires_at + n * interval '1 minute' + interval '30 days',
       date_trunc('hour', expires_at + n * interval '1 minute') + interval '31 days'
     from sessions.session, generate_series(1, $2) as n where id = $1`,
    [session, HOT_ROWS],
  );
  const months = Array.from({ length: 6 }, (_, ago) => {
    const now = new Date();
    return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - ago - 1, 1));
  });
  for (const from of months) await makeMonth(to, from);
  await to.query(
    `insert into sessions.session_archive (owner_id, id, flow, ${columns}, status, ended_at)
     select case when n % 2 = 0 then 'heavy' else 'owner ' || n end, uuidv7(),
       case when n % 3 = 0 then 'notes' else 'transfer' end, ${columns},
       case when n % 5 = 0 then 'expired' else 'completed' end, ($2::timestamptz[])[1 + n % 6] + n * interval '5 minutes'
     from sessions.session, generate_series(1, $3) as n where id = $1`,
    [session, months, ARCHIVED_ROWS],
  );
  await to.query(
    `insert into sessions.session_event (owner_id, session_id, entry, revision, at, body, hash)
     select hot.owner_id, hot.id, 1, 1, event.at, event.body, event.hash
     from sessions.session as hot, sessions.session_event as event
     where event.session_id = $1 and event.entry = 1 and hot.id <> $1 limit 20000`,
    [session],
  );
  await to.query(
    "insert into sessions.owner (owner_id, created_at) select distinct owner_id, max(expires_at) from sessions.session group by 1 on conflict do nothing",
  );
  await to.query(
    `insert into sessions.device (owner_id, id, name, first_seen_at, last_seen_at)
     select owner_id, id, 'Test device', expires_at, expires_at from sessions.session`,
  );
  // Coming months stay as a server knows them: it never analyses what is empty.
  const { rows } = await to.query<{ name: string }>(
    `select format('%I.%I', nspname, relname) as name from pg_class join pg_namespace on pg_namespace.oid = relnamespace
     where nspname = 'sessions' and relkind = 'r' and pg_relation_size(pg_class.oid) > 0`,
  );
  await to.query(`vacuum analyze ${rows.map(({ name }) => name).join(", ")}`);
}

async function makeMonth(to: Pool, from: Date): Promise<void> {
  const next = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1));
  const suffix = from.toISOString().slice(0, 7).replace("-", "_");
  for (const parent of ["session_archive", "session_event"]) {
    await to.query(
      `create table sessions.${parent}_${suffix} partition of sessions.${parent}
       for values from ('${from.toISOString()}') to ('${next.toISOString()}')`,
    );
  }
}
