import { afterAll, beforeAll, expect, test } from "vitest";
import { v7 as uuidv7 } from "uuid";
import { createBank, start, submit, TestClient } from "../testing/bank.ts";
import { operators, requestsOf } from "../testing/dashboard/operators.ts";
import { fillForOperators, openDashboard, type SeenSchema } from "../testing/dashboard/seen-by-operators.ts";
import { freshDatabase } from "../testing/postgres.ts";
import type { Dashboard } from "./options.ts";
import { actions, pages } from "./pages/pages.ts";

const { pool } = await freshDatabase();
let seen: SeenSchema;
let dashboard: Dashboard;
let ofBob: string;
let fault: Record<string, string>;
const { get, post } = requestsOf(() => dashboard);

beforeAll(async () => {
  seen = await fillForOperators(pool);
  const bank = createBank(pool);
  ofBob = uuidv7();
  const canary = { name: "Typed Canary of Bob", iban: "BE71-TYPED-CANARY" };
  await new TestClient(bank, "bob", "Phone of Bob").push(start(ofBob), submit(ofBob, "recipient", canary));
  await bank.close();
  // Each request of "broken" has a fault.
  dashboard = await openDashboard(pool, { onError: () => {} });
  const { rows } = await pool.query<Record<string, string>>(
    `select projection, build::text, owner_id as owner, stream_id as stream, number::text
     from sessions.projection_fault where projection = 'failing'`,
  );
  fault = rows[0]!;
});
afterAll(() => dashboard.close());

const users = { stranger: null, broken: "throws", ...operators } as const;
type User = keyof typeof users;

/** Everybody who looks may see the page. */
const everybody: readonly User[] = ["operator", "reader", "ender", "decider"];

const withFields = (view: string, fields: Record<string, string>) => `?${new URLSearchParams({ view, ...fields })}`;

/** Each page: its addresses, and who may see them. A page that is missing here fails the first test. */
const seenPages: Readonly<Record<string, { readonly queries: () => readonly string[]; readonly by: readonly User[] }>> =
  {
    overview: { queries: () => ["", "?view=overview"], by: everybody },
    flows: {
      queries: () => [
        "?view=flows",
        "?view=flows&flow=transfer&version=1",
        `?view=flows&flow=transfer&version=1&month=${new Date().toISOString().slice(0, 7)}`,
      ],
      by: everybody,
    },
    session: {
      queries: () => [seen.open, seen.completed].map((id) => withFields("session", { id })),
      by: everybody,
    },
    owner: {
      queries: () => [
        withFields("owner", { owner: seen.owner }),
        ...["active", "ended", "sign-ins", "history"].map((list) => withFields("owner", { owner: seen.owner, list })),
      ],
      by: everybody,
    },
    "sign-ins": { queries: () => ["?view=sign-ins"], by: everybody },
    projections: { queries: () => ["?view=projections", "?view=projections&projection=failing"], by: everybody },
    storage: { queries: () => ["?view=storage", "?view=storage&of=session_event"], by: everybody },
    health: { queries: () => ["?view=health"], by: everybody },
    audit: { queries: () => ["?view=audit"], by: everybody },
    "end-sign-ins": {
      queries: () => [
        withFields("end-sign-ins", { owner: seen.owner }),
        withFields("end-sign-ins", { owner: seen.owner, id: seen.signIn }),
      ],
      by: ["ender"],
    },
    fault: { queries: () => [withFields("fault", fault)], by: ["decider"] },
  };

/** Who may send each form. */
const sentBy: Readonly<Record<string, User>> = {
  typed: "reader",
  "end-sign-ins": "ender",
  "retry-fault": "decider",
  "skip-fault": "decider",
};

const outside: Partial<Record<User, number>> = { stranger: 404, broken: 500 };
const canariesIn = (text: string) =>
  [...seen.canaries.typed, ...seen.canaries.secrets, "Typed Canary of Bob", "Secret of authorize"].filter((canary) =>
    text.includes(canary),
  );

test("the tables of this file have every page and every form of the dashboard", () => {
  expect(Object.keys(seenPages).toSorted()).toEqual(Object.keys(pages).toSorted());
  expect(Object.keys(sentBy).toSorted()).toEqual(Object.keys(actions).toSorted());
});

test.each(Object.keys(users) as User[])(
  "%s gets the pages that are for them, and on none of them a typed value",
  async (user) => {
    for (const [view, { queries, by }] of Object.entries(seenPages)) {
      for (const query of queries()) {
        const answer = await get(query, users[user]);
        const text = await answer.text();
        expect(answer.status, query).toBe(outside[user] ?? (by.includes(user) ? 200 : 403));
        expect(canariesIn(text), query).toEqual([]);
        // Another owner, whom nobody asked for, is on the lists of all owners alone.
        if (!["audit", "sign-ins", "projections"].includes(view)) expect(text, query).not.toContain(ofBob);
      }
    }
  },
);

test.each(Object.keys(users) as User[])("%s sends no form that is for others", async (user) => {
  for (const [view, allowed] of Object.entries(sentBy)) {
    if (user === allowed) continue;
    const fields = { id: seen.completed, owner: seen.owner, reason: "a good reason", ...fault };
    const answer = await post(`?view=${view}`, users[user], fields);
    expect(answer.status, view).toBe(outside[user] ?? 403);
    expect(canariesIn(await answer.text()), view).toEqual([]);
  }
  expect((await pool.query("select from sessions.dashboard_audit")).rowCount).toBe(0);
});

test("an owner's page has nothing of another owner, and a sign-in is ended only with its own owner", async () => {
  const bobs = await (await get(withFields("owner", { owner: "bob" }), operators.ender)).text();
  expect(bobs).toContain(ofBob);
  for (const other of [seen.open, seen.completed, seen.signIn, "Phone &lt;script"]) expect(bobs).not.toContain(other);
  const answer = await post("?view=end-sign-ins", operators.ender, { owner: "bob", id: seen.signIn });
  expect(answer.headers.get("location")).toContain("out=0");
  const hers = await (await get(withFields("owner", { owner: seen.owner }), operators.ender)).text();
  expect(hers).toContain(seen.signIn);
  const nobody = await get(withFields("owner", { owner: "nobody" }), operators.operator);
  expect([nobody.status, (await nobody.text()).includes("this owner has none")]).toEqual([200, true]);
});
