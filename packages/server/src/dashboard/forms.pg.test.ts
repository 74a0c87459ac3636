import type { SessionsError } from "@sessions/core/internal";
import { afterAll, beforeAll, expect, test } from "vitest";
import { headersOf, operators, requestsOf } from "../testing/dashboard/operators.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { fillForOperators, openDashboard, type SeenSchema } from "../testing/dashboard/seen-by-operators.ts";
import { testKeeper } from "../testing/sign-ins.ts";
import { createDashboard } from "./create-dashboard.ts";
import type { Dashboard } from "./options.ts";

const { pool } = await freshDatabase();
const faults: SessionsError[] = [];
let seen: SeenSchema;
let dashboard: Dashboard;
const { get, post } = requestsOf(() => dashboard);

beforeAll(async () => {
  seen = await fillForOperators(pool);
  dashboard = await openDashboard(pool, { onError: (fault) => faults.push(fault) });
});
afterAll(() => dashboard.close());

const mayDoAll = { name: "Max", mayReadTyped: true, mayEndSignIns: true, mayDecideFaults: true };

/** The fields that name the fault of the session `notes`. */
async function faultFields() {
  const { rows } = await pool.query<Record<"projection" | "build" | "owner" | "stream" | "number", string>>(
    `select projection, build::text, owner_id as owner, stream_id as stream, number::text
    from sessions.projection_fault where projection = 'failing'`,
  );
  return rows[0]!;
}

const auditOf = async () => (await pool.query("select * from sessions.dashboard_audit order by id")).rows;

test("typed values are shown once, for a reason, after an entry in the audit", async () => {
  const form = { id: seen.completed, reason: "The customer called about it" };
  const refused = await post("?view=typed", operators.operator, form);
  expect(refused.status).toBe(403);
  expect((await post("?view=typed", operators.ender, form)).status).toBe(403);
  for (const reason of ["", "short", " ".repeat(50), "x".repeat(501)]) {
    expect((await post("?view=typed", operators.reader, { ...form, reason })).status).toBe(400);
  }
  expect((await post("?view=typed", operators.reader, { ...form, id: "7" })).status).toBe(404);
  expect(await auditOf()).toEqual([]);

  const answer = await post("?view=typed", operators.reader, form);
  const page = await answer.text();
  expect(answer.status).toBe(200);
  expect(page).toContain("12300");
  expect(await auditOf()).toMatchObject([
    { operator: "Rita", action: "read_typed", owner_id: seen.owner, subject: seen.completed, reason: form.reason },
  ]);
  expect((await get(`?view=typed&id=${seen.completed}&reason=a%20good%20reason`, operators.reader)).status).toBe(404);
  const audit = await (await get("?view=audit", operators.operator)).text();
  expect(audit).toContain("The customer called about it");
});

test("without its entry in the audit nothing typed is shown", async () => {
  await pool.query("alter table sessions.dashboard_audit add constraint closed check (operator <> 'Rita') not valid");
  faults.length = 0;
  const answer = await post("?view=typed", operators.reader, { id: seen.completed, reason: "a good reason" });
  await pool.query("alter table sessions.dashboard_audit drop constraint closed");
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain("12300");
  expect(faults).toHaveLength(1);
});

test("a flow that the dashboard was not given shows no value, because a step may be sensitive", async () => {
  const { rows } = await pool.query<{ id: string }>("select id from sessions.session where flow = 'notes'");
  const answer = await post("?view=typed", operators.reader, { id: rows[0]!.id, reason: "a good reason" });
  const page = await answer.text();
  expect(page).toContain("Not shown: the option `flows` has no flow with this step.");
  expect(page).not.toContain("Typed Canary");
});

test.each([
  ["another site", { "sec-fetch-site": "cross-site" }],
  ["another application of the site", { "sec-fetch-site": "same-site" }],
  ["another origin", { origin: "https://evil.example" }],
  ["nowhere", {}],
])("a form from %s changes nothing", async (_, headers) => {
  const before = await auditOf();
  for (const view of ["typed", "end-sign-ins", "retry-fault", "skip-fault"]) {
    const form = { id: seen.open, reason: "a good reason", ...(await faultFields()) };
    const answer = await post(`?view=${view}`, mayDoAll, form, headers);
    expect(answer.status).toBe(403);
    expect(await answer.text()).not.toContain("Canary");
  }
  expect(await auditOf()).toEqual(before);
});

test("a GET ends no sign-in, and only an operator who may do so ends one", async () => {
  const keeper = testKeeper(pool);
  const live = async () => (await keeper.list(seen.owner)).rows.map(({ publicId }) => publicId);
  const query = `?view=end-sign-ins&owner=${encodeURIComponent(seen.owner)}&id=${seen.signIn}`;
  expect((await get(query, operators.operator)).status).toBe(403);
  const asked = await (await get(query, operators.ender)).text();
  expect(asked).toContain("End this sign-in?");
  const form = { owner: seen.owner, id: seen.signIn };
  for (const other of [operators.operator, operators.reader]) {
    expect((await post("?view=end-sign-ins", other, form)).status).toBe(403);
  }
  expect((await post("?view=end-sign-ins", operators.ender, { ...form, id: "7" })).status).toBe(404);
  expect(await live()).toEqual([seen.signIn]);

  const answer = await post("?view=end-sign-ins", operators.ender, form);
  expect(answer.status).toBe(303);
  const after = await get(answer.headers.get("location")!, operators.ender);
  expect(await after.text()).toContain("1 sign-in has ended.");
  expect(await live()).toEqual([]);
  expect((await auditOf()).at(-1)).toMatchObject({ operator: "Enno", action: "end_sign_in", subject: seen.signIn });

  const all = await post("?view=end-sign-ins", operators.ender, { owner: seen.owner });
  expect(all.headers.get("location")).toContain("out=0");
  expect((await auditOf()).at(-1)).toMatchObject({ action: "end_all_sign_ins", subject: null });
  await keeper.close();
});

test("an entry for which a session waits is tried again, or skipped, by an operator who may, for a reason in both audits", async () => {
  const form = { ...(await faultFields()), reason: "The mail server is back" };
  const query = `?${new URLSearchParams({ view: "fault", ...form })}`;
  for (const other of [operators.operator, operators.reader, operators.ender]) {
    expect((await get(query, other)).status).toBe(403);
    for (const view of ["retry-fault", "skip-fault"])
      expect((await post(`?view=${view}`, other, form)).status).toBe(403);
  }
  expect((await post("?view=retry-fault", operators.decider, { ...form, reason: "short" })).status).toBe(400);
  for (const wrong of [
    { number: "7" },
    { number: "x" },
    { build: "99999999999" },
    { owner: "bob" },
    { projection: "" },
  ]) {
    expect((await post("?view=skip-fault", operators.decider, { ...form, ...wrong })).status).toBe(404);
  }
  const listed = await (await get("?view=projections&projection=failing", operators.decider)).text();
  expect(listed).toContain("Retry or skip…");
  const asked = await (await get(query, operators.decider)).text();
  expect(asked).toContain("Retry or skip this entry?");
  expect(asked).not.toContain("Typed Canary");

  await pool.query("update sessions.projection_fault set next_at = null");
  const before = (await auditOf()).length;
  const retried = await post("?view=retry-fault", operators.decider, form);
  expect(retried.headers.get("location")).toContain("decided=retried");
  const { rows: faultRows } = await pool.query("select next_at from sessions.projection_fault");
  expect(faultRows).toEqual([{ next_at: expect.any(Date) }]);

  const skipped = await post("?view=skip-fault", operators.decider, form);
  expect(await (await get(skipped.headers.get("location")!, operators.decider)).text()).toContain(
    "The entry is skipped.",
  );
  const { rows: progress } = await pool.query(
    "select applied::text from sessions.projection_progress where projection = 'failing' and stream_id = $1",
    [form.stream],
  );
  expect(progress).toEqual([{ applied: form.number }]);
  const again = await post("?view=skip-fault", operators.decider, form);
  expect(again.headers.get("location")).toContain("decided=gone");

  const subject = `failing, ${form.stream}, entry ${form.number}`;
  expect((await auditOf()).slice(before)).toMatchObject(
    ["retry_entry", "skip_entry", "skip_entry"].map((action) => ({
      operator: "Dana",
      action,
      owner_id: seen.owner,
      subject,
      reason: form.reason,
    })),
  );
  const { rows: own } = await pool.query("select action, who, why from sessions.projection_audit order by at");
  expect(own.map(({ action, who, why }) => [action, who, why])).toEqual([
    ["retry", "Dana", form.reason],
    ["skip", "Dana", form.reason],
  ]);
  const audit = await (await get("?view=audit", operators.operator)).text();
  expect(audit).toContain("skipped an entry");
});

test("a sweep deletes entries of the audit that are older than the application keeps them, and no others", async () => {
  const day = 86_400_000;
  let nowMs = Date.now();
  const other = await openDashboard(pool, { auditKept: "30d", now: () => nowMs });
  const before = (await auditOf()).length;
  const insert = (days: number, count: number) =>
    pool.query(
      `insert into sessions.dashboard_audit (at, operator, action, owner_id)
       select $1::timestamptz, 'Old', 'read_typed', 'ada' from generate_series(1, $2::int)`,
      [new Date(nowMs - days * day), count],
    );
  expect(await other.sweep()).toBe(0);
  // The ids of the audit are in the order of its entries.
  await pool.query("truncate sessions.dashboard_audit");
  await insert(40, 2_500);
  await insert(29, 3);
  expect(await other.sweep()).toBe(2_500);
  expect(await auditOf()).toHaveLength(3);
  nowMs += 2 * day;
  expect(await Promise.all([other.sweep(), other.sweep()])).toContain(3);
  expect(await auditOf()).toEqual([]);
  expect(before).toBeGreaterThan(0);
  await other.close();
});

test.each(["30", "1y", 30, null])("`auditKept` of %j is refused by name", (auditKept) => {
  expect(() => createDashboard({ database: pool, authorize: () => null, auditKept: auditKept as never })).toThrow(
    /^configuration_invalid: `auditKept` is a duration/,
  );
});

test("a page says which part the database did not answer in time, and shows the others", async () => {
  const other = await openDashboard(pool);
  const ask = (query: string) =>
    other.fetch(new Request(`https://bank.example/operators${query}`, { headers: headersOf(operators.operator) }));
  const client = await pool.connect();
  await client.query("begin; lock table sessions.session in access exclusive mode");
  const [overview, session] = await Promise.all([ask(""), ask(`?view=session&id=${seen.open}`)]);
  await client.query("rollback");
  client.release();
  expect(overview.status).toBe(200);
  const page = await overview.text();
  expect(page.match(/<h2[^>]*>\w+<\/h2>\s*<p class="notice">/g)).toEqual([expect.stringContaining("Sessions")]);
  expect(page).toContain("Greatest lag");
  expect(session.status).toBe(503);
  expect(await session.text()).toContain("did not answer in time");
  // The next look reads anew.
  expect(await (await ask("")).text()).not.toContain("did not answer");
  await other.close();
});
