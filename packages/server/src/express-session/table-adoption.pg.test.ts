import connectPgSimple from "connect-pg-simple";
import expressSession, { type SessionData, type Store } from "express-session";
import { Client, Pool } from "pg";
import { afterAll, expect, test, vi } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";
import { CookieJar, sessionHosts } from "../testing/web-sessions/session-hosts.ts";
import { promised, sessionUntil } from "../testing/web-sessions/web-sessions.ts";
import { SessionsStore } from "./sessions-store.ts";

const { pool, url } = await freshDatabase();
// connect-pg-simple writes local times. A server in another zone reads and writes the same ones.
const localPool = new Pool({ connectionString: url, options: "-c timezone=Asia/Kolkata" });
localPool.on("error", () => {});
const closes: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  await Promise.all(closes.map((close) => close()));
  await localPool.end();
});

const PgStore = connectPgSimple(expressSession);
let tables = 0;

/** A table of connect-pg-simple with a node that works on it, and what makes new nodes beside it. */
async function oldTable(dataType = "json") {
  const table = `session_${(tables += 1)}`;
  await pool.query(
    `create table ${table} (sid varchar primary key, sess ${dataType} not null, expire timestamp(6) not null)`,
  );
  const newOld = () => {
    const store = new PgStore({ pool: localPool, tableName: table, pruneSessionInterval: false });
    closes.push(() => Promise.resolve(store.close()));
    return store as Store;
  };
  const newNode = (options: object = {}) => {
    const store = new SessionsStore({
      database: localPool,
      namespace: table,
      adopt: { table },
      sweeps: false,
      touchEveryMs: 0,
      ...options,
    });
    closes.push(() => store.close());
    return store;
  };
  const old = newOld();
  return {
    table,
    newOld,
    newNode,
    old: {
      get: (sid: string) =>
        new Promise<SessionData | null | undefined>((resolve, reject) => {
          old.get(sid, (error, session) => (error ? reject(error as Error) : resolve(session)));
        }),
      set: (sid: string, session: object) =>
        new Promise<void>((resolve, reject) => {
          old.set(sid, session as SessionData, (error) => (error ? reject(error as Error) : resolve()));
        }),
      destroy: (sid: string) => new Promise<void>((resolve) => old.destroy(sid, () => resolve())),
    },
  };
}

const laterMs = () => Date.now() + 600_000;

test.each(["json", "jsonb"])(
  "a session of the old table, with %s, goes on, and old nodes see each change",
  async (type) => {
    const { old, newNode } = await oldTable(type);
    const node = promised(newNode());
    await old.set("sid", sessionUntil(laterMs(), { user: "ada" }));
    const session = (await node.get("sid"))!;
    expect(session).toMatchObject({ user: "ada" });
    await node.set("sid", Object.assign(session, { cart: ["tea"] }));
    expect(await old.get("sid")).toMatchObject({ user: "ada", cart: ["tea"] });
    await old.set("sid", sessionUntil(laterMs(), { user: "ada", cart: ["tea", "milk"] }));
    expect(await node.get("sid")).toMatchObject({ cart: ["tea", "milk"] });
    await node.set("new", sessionUntil(laterMs(), { user: "grace" }));
    expect(await old.get("new")).toMatchObject({ user: "grace" });
    expect(await node.length()).toBe(2);
  },
);

test("a session that ends on a node of either kind is out on both", async () => {
  const { old, newNode } = await oldTable();
  const [one, two] = [promised(newNode()), promised(newNode())];
  for (const sid of ["a", "b", "c"]) {
    await old.set(sid, sessionUntil(laterMs(), { sid }));
    await one.get(sid);
  }
  const underWay = await two.get("a");
  await old.destroy("a");
  await two.set("a", Object.assign(underWay!, { late: true }));
  await one.destroy("b");
  const all = await one.all();
  await one.destroy(Object.keys(all).find((key) => all[key]!["sid"] === "c")!);
  for (const sid of ["a", "b", "c"]) {
    expect([await one.get(sid), await two.get(sid), await old.get(sid)].map(Boolean), sid).toEqual([
      false,
      false,
      false,
    ]);
  }
});

test("a deadline that a node of either kind moves holds on both", async () => {
  const { table, old, newNode } = await oldTable();
  let passedMs = 0;
  const node = promised(newNode({ now: () => Date.now() + passedMs }));
  await old.set("a", sessionUntil(laterMs(), { user: "ada" }));
  await node.get("a");
  // As a touch of connect-pg-simple does.
  await localPool.query(`update ${table} set expire = to_timestamp($1)`, [Math.ceil((laterMs() + 600_000) / 1_000)]);
  passedMs = 700_000;
  expect(await node.get("a")).toMatchObject({ user: "ada" });
  await node.touch("a", sessionUntil(laterMs() + 1_800_000));
  const { rows } = await localPool.query<{ left: number }>(
    `select extract(epoch from expire::timestamptz)::float8 as left from ${table}`,
  );
  expect(rows[0]!.left * 1_000 - laterMs()).toBeGreaterThan(1_790_000);
});

test("under traffic of nodes of both kinds, nobody is signed out, and no key of a session is lost", async () => {
  const { table, newOld, newNode } = await oldTable();
  const start = sessionHosts["Express and express-session"]!;
  const stores = [newOld(), newOld(), newNode(), newNode({ sweeps: true })];
  const hosts = await Promise.all(stores.map((store) => start(store as SessionsStore)));
  const people = Array.from({ length: 12 }, (_, person) => ({ person, jar: new CookieJar() }));
  const out: string[] = [];
  await Promise.all(
    people.map(async ({ person, jar }) => {
      await jar.ask(`${hosts[person % hosts.length]!.url}/set/user/${person}`);
      for (let step = 0; step < 16; step += 1) {
        // The old nodes are replaced one after another.
        const left = hosts.slice(step < 6 ? 0 : step < 11 ? 1 : 2);
        const { url: at } = left[(person + step) % left.length]!;
        const { session } = await jar.ask(step % 3 ? `${at}/get` : `${at}/set/key${step}/1`);
        if (session["user"] !== String(person)) out.push(`${person} at ${step}`);
      }
    }),
  );
  expect(out).toEqual([]);
  // The old nodes are gone. The table goes, while the nodes run.
  const node = promised(stores[2] as SessionsStore);
  expect(await node.length()).toBe(12);
  await pool.query(`drop table ${table}`);
  for (const { person, jar } of people) {
    const { session } = await jar.ask(`${hosts[2 + (person % 2)]!.url}/set/after/1`);
    const keys = ["cookie", "user", "key0", "key3", "key6", "key9", "key12", "key15", "after"];
    expect(new Set(Object.keys(session))).toEqual(new Set(keys));
  }
  await Promise.all(hosts.map(({ stop }) => stop()));
});

test("a copy that was stopped goes on, and leaves what nodes have changed", async () => {
  const { table, old, newNode } = await oldTable();
  await localPool.query(
    `insert into ${table} select 'sid' || n, json_build_object('cookie', json_build_object('expires', null), 'n', n), now() + interval '1 hour' from generate_series(1, 2500) n`,
  );
  await old.set("expired", sessionUntil(Date.now() - 60_000));
  const node = newNode();
  const calls = promised(node);
  await calls.set("sid7", Object.assign((await calls.get("sid7"))!, { changed: true }));
  const stop = new AbortController();
  expect(await node.adopt({ onProgress: () => stop.abort(), signal: stop.signal })).toBeLessThanOrEqual(1_000);
  await node.adopt();
  expect(await node.adopt()).toBe(0);
  expect(await calls.length()).toBe(2_500);
  expect(await calls.get("sid7")).toMatchObject({ n: 7, changed: true });
  // Without `adopt`, a node has all of them.
  const last = promised(newNode({ adopt: undefined }));
  expect(await last.get("sid2500")).toMatchObject({ n: 2_500 });
  await last.set("sid2500", Object.assign((await last.get("sid2500"))!, { last: true }));
  expect(await calls.get("sid2500")).toMatchObject({ last: true });
});

test("an id that the old table cannot hold is nobody's, and disturbs no other read", async () => {
  const { old, newNode } = await oldTable();
  const node = promised(newNode());
  await old.set("sid", sessionUntil(laterMs(), { user: "ada" }));
  const [nul, half, session] = await Promise.all([node.get("\0"), node.get("\ud800"), node.get("sid")]);
  expect([nul, half, session?.["user"]]).toEqual([undefined, undefined, "ada"]);
});

test("lists copy the old table once in a minute", async () => {
  const { table, old, newNode } = await oldTable();
  let passedMs = 0;
  const node = promised(newNode({ now: () => Date.now() + passedMs }));
  await old.set("a", sessionUntil(laterMs()));
  expect(await Promise.all([node.length(), node.length()])).toEqual([1, 1]);
  await old.set("b", sessionUntil(laterMs()));
  const copies = vi.spyOn(Client.prototype, "query");
  expect(Object.keys(await node.all())).toHaveLength(1);
  expect(copies.mock.calls.filter(([query]) => String(Object(query).text).includes(table))).toEqual([]);
  passedMs = 60_001;
  expect(await node.length()).toBe(2);
});

test("a table that is none of connect-pg-simple's is refused", async () => {
  await pool.query("create table users (sid text, name text)");
  const store = new SessionsStore({ database: pool, adopt: { table: "users" }, sweeps: false });
  closes.push(() => store.close());
  await expect(promised(store).get("sid")).rejects.toThrow(/^configuration_invalid: `adopt` .*`sess`/);
});
