import type { SessionsError } from "@sessions/core/internal";
import { afterAll, beforeAll, expect, test } from "vitest";
import { base, headersOf, operators, requestsOf } from "../testing/dashboard/operators.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { fillForOperators, hostile, openDashboard, type SeenSchema } from "../testing/dashboard/seen-by-operators.ts";
import { createDashboard } from "./create-dashboard.ts";
import type { Dashboard } from "./options.ts";

const { pool } = await freshDatabase();
const faults: SessionsError[] = [];
let seen: SeenSchema;
let dashboard: Dashboard;

beforeAll(async () => {
  seen = await fillForOperators(pool);
  await pool.query(
    "insert into sessions.refusal_count values ('transfer', 1, date_trunc('month', now()), 'amount', 'rejected', 1234)",
  );
  await pool.query(
    `insert into sessions.funnel_count (flow, version, month, step, counted, n, took_ms)
     select 'loan', version, date_trunc('month', now())::date, '', 'started', 1, 0 from unnest(array[2, 10]) as version`,
  );
  dashboard = await openDashboard(pool, { onError: (fault) => faults.push(fault) });
});
afterAll(() => dashboard.close());

const { get, post } = requestsOf(() => dashboard);

const addresses = () => [
  "",
  "?view=overview",
  "?view=flows",
  "?view=flows&flow=transfer&version=1",
  `?view=session&id=${seen.open}`,
  `?view=session&id=${seen.completed}`,
  `?view=owner&owner=${encodeURIComponent(seen.owner)}`,
  `?view=owner&owner=${encodeURIComponent(seen.owner)}&list=history`,
  "?view=sign-ins",
  "?view=projections",
  "?view=projections&projection=failing",
  "?view=storage",
  "?view=storage&of=session_event",
  "?view=health",
  "?view=audit",
];

const auditOf = async () => (await pool.query("select * from sessions.dashboard_audit order by id")).rows;

test("a person whom authorize does not know gets the same 404 from every address", async () => {
  const answers = new Set<string>();
  for (const address of [...addresses(), "?view=style", "?view=nothing"]) {
    const answer = await get(address, null);
    expect(answer.status).toBe(404);
    answers.add(await answer.text());
  }
  for (const [view, form] of [
    ["typed", { id: seen.open, reason: "a good reason" }],
    ["end-sign-ins", { owner: seen.owner }],
  ] as const) {
    const answer = await post(`?view=${view}`, null, form);
    expect(answer.status).toBe(404);
    answers.add(await answer.text());
  }
  expect([...answers]).toEqual(["Not found\n"]);
  expect(await auditOf()).toEqual([]);
});

test.each([undefined, true, "olga", {}, { name: "" }, { name: 7 }])(
  "authorize lets nobody in by returning %j",
  async (value) => {
    const other = await openDashboard(pool, { authorize: () => value as never });
    expect((await other.fetch(new Request(base))).status).toBe(404);
    await other.close();
  },
);

test("without authorize there is no dashboard", () => {
  expect(() => createDashboard({ database: pool } as never)).toThrow(
    /^configuration_invalid: `authorize` is a function/,
  );
  expect(() => createDashboard({ database: pool, authorise: () => null } as never)).toThrow(
    /no option "authorise". Do you mean `authorize`/,
  );
});

test("if authorize throws, the answer has no detail, and the fault is reported", async () => {
  faults.length = 0;
  for (const address of addresses()) {
    const answer = await get(address, "throws");
    expect(answer.status).toBe(500);
    expect(await answer.text()).toBe("This does not work now. The log of the server says why.\n");
  }
  expect(faults).toHaveLength(addresses().length);
  expect(faults[0]?.code).toBe("internal");
  expect(faults[0]?.message).not.toContain("Secret");
});

test.each(Object.entries(operators))(
  "%s sees every page, and on none of them a typed value or a secret",
  async (_, operator) => {
    faults.length = 0;
    for (const address of addresses()) {
      const answer = await get(address, operator);
      const page = await answer.text();
      expect(answer.status, `${address}: ${faults[0]?.message}`).toBe(200);
      for (const canary of [...seen.canaries.typed, ...seen.canaries.secrets])
        expect(page, address).not.toContain(canary);
      expect(page).not.toMatch(/<script|<b>|style=|onclick|javascript:/i);
      expect(page).toContain('<main id="content"');
    }
    expect(faults).toEqual([]);
  },
);

test("every answer forbids scripts, inline styles, frames and caches", async () => {
  const answers = [
    await get("", operators.operator),
    await get("?view=style", operators.operator),
    await get("?view=nothing", operators.operator),
    await get("", null),
    await get("", "throws"),
    await post("?view=typed", operators.reader, { id: seen.open }),
  ];
  for (const { headers } of answers) {
    expect(headers.get("content-security-policy")).toBe(
      "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
});

test("names that are markup are shown as text", async () => {
  const page = await (await get(`?view=session&id=${seen.open}`, operators.operator)).text();
  const escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&gt;&lt;b&gt;&amp;";
  expect(page).toContain(`<bdi>Phone ${escaped}</bdi>`);
  expect(page).toContain(`<bdi>ada ${escaped}</bdi>`);
  expect(page).not.toContain(hostile);
  const called = await (await get("?view=audit", { name: hostile })).text();
  expect(called).toContain(escaped);
  const asked = await (await get(`?view=owner&owner=${encodeURIComponent(hostile)}`, operators.operator)).text();
  expect(asked).not.toContain(hostile);
});

test("a session is found by its id, with its history and its verification", async () => {
  const page = await (await get(`?view=session&id=${seen.completed.toUpperCase()}`, operators.operator)).text();
  expect(page).toContain('<strong class="good">Whole</strong>');
  for (const step of ["recipient", "amount", "review"]) expect(page).toContain(`<bdi>${step}</bdi>`);
  expect(page).toContain("completed");
  expect(page).not.toContain("not known");
  for (const id of ["7", "", "0190b2f4-0000-7000-8000-000000000001", `${seen.open}x`]) {
    expect((await get(`?view=session&id=${id}`, operators.operator)).status, id).toBe(404);
  }
});

test("the funnels, the refusals and the faults of projections are shown", async () => {
  const flows = await (await get("?view=flows", operators.operator)).text();
  expect(flows).toContain('href="?view=flows&amp;flow=transfer&amp;version=1"');
  const funnel = (await (await get("?view=flows&flow=transfer&version=1", operators.operator)).text()).replaceAll(
    />\s+</g,
    "><",
  );
  const rows = [
    ...funnel.matchAll(
      /<tr><th scope="row"><bdi>(\w+)<\/bdi><\/th><td class="number">(\d+)<\/td><td class="number">(\d+)</g,
    ),
  ];
  expect(rows.map(([, step, entered, submitted]) => [step, entered, submitted])).toEqual([
    ["recipient", "2", "2"],
    ["amount", "2", "1"],
    ["review", "1", "1"],
  ]);
  expect(funnel).toContain('<th scope="row"><bdi>amount</bdi></th><td>rejected</td><td class="number">1,234</td>');
  const faults = await (await get("?view=projections&projection=failing", operators.operator)).text();
  expect(faults).toContain("<bdi>Error</bdi>");
  expect((await get("?view=projections&projection=other", operators.operator)).status).toBe(404);
});

test("a flow's page tells how long half and nine in ten of the people took, of all months or of one", async () => {
  const months = ["2026-01-01", "2026-02-01"];
  await pool.query(
    `insert into sessions.funnel_count (flow, version, month, step, counted, n, took_ms)
     select 'loan', 3, month::date, 'sum', counted, n, took_ms
     from unnest($1::text[]) as month, (values ('entered', 10, 0), ('submitted', 10, 300000),
       ('drafted', 5, 100000), ('typed', 5, 40000)) as given (counted, n, took_ms)`,
    [months],
  );
  await pool.query(
    `insert into sessions.funnel_duration (flow, version, month, step, below_s, n)
     values ('loan', 3, $1, 'sum', 32, 5), ('loan', 3, $1, 'sum', 64, 4), ('loan', 3, $1, 'sum', 4096, 1),
       ('loan', 3, $2, 'sum', 8, 30)`,
    months,
  );
  const at = await openDashboard(pool, { now: () => Date.UTC(2026, 1, 20) });
  const timesOf = async (query: string) => {
    const headers = headersOf(operators.operator);
    const address = `${base}?view=flows&flow=loan&version=3${query}`;
    const page = await (await at.fetch(new Request(address, { headers }))).text();
    const row = page.slice(page.indexOf("How far people come")).split("<bdi>sum</bdi>")[1]!;
    return [...row.split("</tr>")[0]!.matchAll(/<td class="number">(.*?)<\/td>/g)].map(([, cell]) => cell).slice(-5);
  };
  expect(await timesOf("&month=2026-01")).toEqual(["32 s", "64 s", "30 s", "20 s", "8 s"]);
  expect(await timesOf("&month=2026-02")).toEqual(["8 s", "8 s", "30 s", "20 s", "8 s"]);
  expect(await timesOf("")).toEqual(["8 s", "64 s", "30 s", "20 s", "8 s"]);
  expect(await timesOf("&month=2026-13")).toEqual(["8 s", "64 s", "30 s", "20 s", "8 s"]);
  await at.close();
});

test("the latest version of a flow stands before the earlier ones", async () => {
  const flows = await (await get("?view=flows", operators.operator)).text();
  const versions = [...flows.matchAll(/flow=loan&amp;version=(\d+)"/g)].map(([, version]) => version);
  expect(versions).toEqual(["10", "2"]);
});

test("the activity sessions of an owner are shown with the counters that are numbers", async () => {
  const page = await (await get(`?view=owner&owner=${encodeURIComponent(seen.owner)}`, operators.operator)).text();
  const visits = page.slice(page.indexOf("Activity sessions: reading")).replaceAll(/\s+/g, " ");
  expect(visits).toContain("goes on");
  for (const title of ["Events", "posts", "different"]) expect(visits).toContain(`>${title}</th>`);
  expect(visits).not.toContain(">entered</th>");
  expect(visits).toMatch(/<td class="number">2<\/td>\s*<td class="number">2<\/td>\s*<td class="number">2<\/td>/);
});

test("a session that was changed behind the history's back is shown as broken", async () => {
  await pool.query("update sessions.session_event set hash = '\\x00' where session_id = $1 and entry = 1", [seen.open]);
  const page = await (await get(`?view=session&id=${seen.open}`, operators.operator)).text();
  expect(page).toContain('<strong class="bad">Broken</strong> <small>it has an entry 1 that was changed');
});

test("other methods, other pages and forms of another kind are refused", async () => {
  const send = (method: string, query: string, headers: Record<string, string> = {}, body?: string) =>
    dashboard.fetch(
      new Request(`${base}${query}`, {
        method,
        headers: { ...headersOf(operators.reader), "sec-fetch-site": "same-origin", ...headers },
        ...(body !== undefined && { body }),
      }),
    );
  expect((await send("DELETE", "")).status).toBe(405);
  expect((await send("POST", "?view=overview", {}, "a=b")).status).toBe(404);
  expect((await send("POST", "?view=typed", { "content-type": "application/json" }, "{}")).status).toBe(415);
  const form = { "content-type": "application/x-www-form-urlencoded" };
  expect((await send("POST", "?view=typed", form, `reason=${"x".repeat(20_000)}`)).status).toBe(413);
  for (const view of ["nothing", "constructor", "__proto__", "toString"]) {
    expect((await send("GET", `?view=${view}`)).status, view).toBe(404);
  }
});

test("a schema that lacks the dashboard's table is named to the log, and not to the operator", async () => {
  const own: SessionsError[] = [];
  const other = createDashboard({
    database: pool,
    schema: "elsewhere",
    authorize: () => operators.operator,
    onError: (fault) => own.push(fault),
  });
  const answer = await other.fetch(new Request(base));
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain("elsewhere");
  expect(own.map(({ code }) => code)).toEqual(["database_not_migrated"]);
  expect(own[0]?.message).toContain("dashboard.migrate()");
  await other.close();
});
