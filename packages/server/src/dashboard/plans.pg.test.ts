import { beforeAll, expect, test } from "vitest";
import { createKysely } from "../postgres/database.ts";
import { Partitions } from "../postgres/partitions.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { fillForOperators, openDashboard, type SeenSchema } from "../testing/dashboard/seen-by-operators.ts";
import { recordingPool, type Sent } from "../testing/statements/statement-recorder.ts";

const HOT_ROWS = 20_000;

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Cond"?: string;
  readonly Plans?: readonly Plan[];
}

const { pool, url } = await freshDatabase();
let seen: SeenSchema;

/** Noon of the last day of the month before. The rows are spread over that month. */
const noonMs = Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth()) - 43_200_000;
const month = new Date(noonMs).toISOString().slice(0, 7);

beforeAll(async () => {
  seen = await fillForOperators(pool);
  const parents = ["session_archive", "session_event", "sign_in_archive", "sign_in_event"];
  await new Partitions(createKysely(pool), "sessions", parents).ensure(noonMs - 86_400_000);
  // Copies of one real row, each of another owner. One entry in ten begins a history.
  for (const [table, moment] of [
    ["session", "expires_bucket"],
    ["sign_in", "sweep_bucket"],
    ["session_archive", "ended_at"],
    ["session_event", "at"],
    ["sign_in_event", "at"],
  ] as const) {
    const replaced = ["owner_id", "xid", "entry", moment];
    const { rows } = await pool.query<{ names: string }>(
      `select string_agg(column_name, ', ' order by ordinal_position) as names from information_schema.columns
       where table_schema = 'sessions' and table_name = $1 and column_name <> all ($2)`,
      [table, replaced],
    );
    const { names } = rows[0]!;
    await pool.query(
      `insert into sessions.${table} (owner_id, entry, ${moment}, ${names})
       select 'owner ' || n, 1 + n % 10, $1::timestamptz + n * $2::float * interval '1 day', ${names}
       from (select * from sessions.${table} limit 1) as model, generate_series(1, ${HOT_ROWS}) as n`,
      [`${month}-01`, 28 / HOT_ROWS],
    );
  }
  await pool.query("analyze");
});

test("no page scans a table of sessions or sign-ins", async () => {
  const recording = recordingPool({ connectionString: url });
  const dashboard = await openDashboard(recording.pool, { now: () => noonMs });
  const owner = encodeURIComponent(seen.owner);
  const after = `${noonMs}_${seen.signIn}`;
  for (const query of [
    "",
    `?view=session&id=${seen.open}`,
    `?view=session&id=${seen.completed}&after=1`,
    `?view=owner&owner=${owner}`,
    `?view=owner&owner=${owner}&list=active&after=${seen.open}`,
    `?view=owner&owner=${owner}&list=ended&after=${after}`,
    "?view=sign-ins",
    `?view=sign-ins&after=${after}`,
    "?view=flows",
    "?view=flows&flow=transfer&version=1",
    "?view=projections",
    "?view=projections&projection=failing",
    "?view=audit",
    "?view=storage",
    "?view=health",
  ]) {
    const request = new Request(`https://bank.example/operators${query}`, {
      headers: { "x-operator": JSON.stringify({ name: "Olga" }) },
    });
    expect((await dashboard.fetch(request)).status, query).toBe(200);
  }
  await dashboard.close();
  await recording.pool.end();

  const statements = new Map(recording.sent.map((sent) => [sent.text, sent]));
  const looked: string[] = [];
  for (const statement of statements.values()) {
    if (!/^\s*select\b/i.test(statement.text) || !/"(session|sign_in)(_event|_archive)?"/.test(statement.text))
      continue;
    const nodes = nodesOf(await planOf(statement));
    // A whole index is read only in its order, up to a limit.
    const isOrdered = /order by/i.test(statement.text);
    const scanned = nodes.flatMap((node) => {
      const isWhole = node["Node Type"] === "Seq Scan" || (isIndexScan(node) && !isOrdered && !node["Index Cond"]);
      return isWhole && isLarge(node["Relation Name"] ?? "") ? [node["Relation Name"]] : [];
    });
    expect(scanned, statement.text).toEqual([]);
    looked.push(statement.text);
  }
  expect(looked.length).toBeGreaterThanOrEqual(15);
});

test("the check finds a sequential scan", async () => {
  const nodes = nodesOf(await planOf({ text: "select count(*) from sessions.session where entry > $1", values: [0] }));
  expect(nodes.map((node) => [node["Node Type"], node["Relation Name"]])).toContainEqual(["Seq Scan", "session"]);
});

const isIndexScan = (node: Plan) => ["Index Scan", "Index Only Scan"].includes(node["Node Type"]);

/** The tables that this test filled. Postgres reads an empty month as a whole, and may. */
function isLarge(relation: string): boolean {
  const suffix = month.replace("-", "_");
  return ["session", "sign_in", "session_archive", "session_event", "sign_in_event"].some(
    (table) => relation === table || relation === `${table}_${suffix}`,
  );
}

async function planOf({ text, values }: Pick<Sent, "text" | "values">): Promise<Plan> {
  const { rows } = await pool.query<{ "QUERY PLAN": readonly { readonly Plan: Plan }[] }>(
    `explain (format json) ${text}`,
    [...values],
  );
  return rows[0]!["QUERY PLAN"][0]!.Plan;
}

function nodesOf(plan: Plan): readonly Plan[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}
