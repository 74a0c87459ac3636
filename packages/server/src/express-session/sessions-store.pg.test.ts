import type { PGlite } from "@electric-sql/pglite";
import type { Pool } from "pg";
import { afterAll, describe, expect, test, vi } from "vitest";
import { emptyPGlite } from "../testing/pglite.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { openNodes, sessionUntil } from "../testing/web-sessions/web-sessions.ts";
import type { SessionsStoreOptions } from "./options.ts";

const { pool } = await freshDatabase();
const pglite = await emptyPGlite();
afterAll(() => pglite.close());

/** A query on either database. */
type Query = <Row>(text: string, values?: unknown[]) => Promise<{ readonly rows: readonly Row[] }>;
const databases: Readonly<Record<string, { readonly database: Pool | PGlite; readonly query: Query }>> = {
  PostgreSQL: { database: pool, query: (text, values) => pool.query(text, values) as never },
  PGlite: { database: pglite, query: (text, values) => pglite.query(text, values) as never },
};
const MINUTE_MS = 60_000;

describe.each(Object.entries(databases))("on %s", (name, { database, query }) => {
  let nowMs = Date.now();
  let stores = 0;

  /** Nodes of a store that no other test sees. */
  const nodes = <Count extends 1 | 2>(count: Count, options: SessionsStoreOptions = {}) =>
    openNodes(count, { database, namespace: `${name} ${(stores += 1)}`, now: () => nowMs, ...options });
  const rowsWith = async (text: string) => {
    const { rows } = await query<{ row: string }>("select s::text as row from sessions.web_session s");
    return rows.filter(({ row }) => row.includes(text)).length;
  };

  test("a session is given as it was set, on every node, and a missing one is undefined", async () => {
    const [one, two] = nodes(2);
    const session = sessionUntil(nowMs + MINUTE_MS, { z: 1, a: { "\0": "\ud800é", list: [null, true] } });
    await one.set("sid", session);
    expect(await two.get("sid")).toStrictEqual(session);
    expect(JSON.stringify(await two.get("sid"))).toBe(JSON.stringify(session));
    expect(await two.get("other")).toBeUndefined();
  });

  test("the database holds no id of a session", async () => {
    const [node] = nodes(1);
    await node.set("a-secret-id", sessionUntil(nowMs + MINUTE_MS, { mark: "not-the-id" }));
    expect([await rowsWith("not-the-id"), await rowsWith("a-secret-id")]).toEqual([1, 0]);
  });

  test("a session ends at its millisecond, and one without an end after `ttlMs`", async () => {
    const [node] = nodes(1, { ttlMs: 10_000 });
    await node.set("a", sessionUntil(nowMs + 5_000));
    await node.set("b", { cookie: { expires: null, originalMaxAge: null }, name: "b" });
    await node.set("c", { cookie: { expires: false }, name: "c" });
    await node.set("d", { name: "without a cookie" });
    const seen = async () => {
      const sessions = [await node.get("a"), await node.get("b"), await node.get("c"), await node.get("d")];
      return sessions.map((session) => session !== undefined);
    };
    nowMs += 4_999;
    expect(await seen()).toEqual([true, true, true, true]);
    nowMs += 1;
    expect(await seen()).toEqual([false, true, true, true]);
    nowMs += 4_999;
    expect(await seen()).toEqual([false, true, true, true]);
    nowMs += 1;
    expect(await seen()).toEqual([false, false, false, false]);
    expect(await node.length()).toBe(0);
  });

  test("requests that change different keys of one session at once lose nothing", async () => {
    const [one, two] = nodes(2);
    await one.set("sid", sessionUntil(nowMs + MINUTE_MS, { cart: [], seen: 0, gone: 1 }));
    const [first, second, third] = [await one.get("sid"), await two.get("sid"), await two.get("sid")];
    await one.set("sid", Object.assign(first!, { cart: ["tea"] }));
    await two.set("sid", Object.assign(second!, { user: "ada" }));
    delete third!["gone"];
    await two.set("sid", third!);
    expect(await one.get("sid")).toMatchObject({ cart: ["tea"], user: "ada", seen: 0 });
    expect(await one.get("sid")).not.toHaveProperty("gone");
    // The first request goes on. It does not know the key of the second.
    await one.set("sid", Object.assign(first!, { cart: ["tea", "milk"] }));
    expect(await two.get("sid")).toMatchObject({ cart: ["tea", "milk"], user: "ada" });
  });

  test("twenty requests of one session at once each keep their key", async () => {
    const [one, two] = nodes(2);
    await one.set("sid", sessionUntil(nowMs + MINUTE_MS));
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const node = index % 2 ? one : two;
        const session = await node.get("sid");
        await node.set("sid", Object.assign(session!, { [`key${index}`]: index }));
      }),
    );
    expect(Object.keys((await one.get("sid"))!)).toHaveLength(21);
  });

  test("a session that was destroyed is not brought back by a request under way, and a new one may have its id", async () => {
    const [one, two] = nodes(2);
    const session = sessionUntil(nowMs + MINUTE_MS, { user: "ada" });
    await one.set("sid", session);
    const underWay = await two.get("sid");
    await one.destroy("sid");
    await two.touch("sid", underWay!);
    await two.set("sid", Object.assign(underWay!, { late: true }));
    await two.touch("sid", session);
    expect(await one.get("sid")).toBeUndefined();
    await one.set("sid", session);
    expect(await two.get("sid")).toStrictEqual(session);
  });

  test("a touch moves the deadline and carries no data, and a changed cookie is kept", async () => {
    const [one, two] = nodes(2, { touchEveryMs: 0 });
    await one.set("sid", sessionUntil(nowMs + MINUTE_MS, { user: "ada" }));
    const session = await two.get("sid");
    await one.set("sid", Object.assign((await one.get("sid"))!, { user: "grace" }));
    const cookie = { ...sessionUntil(nowMs + 2 * MINUTE_MS).cookie!, originalMaxAge: 120_000 };
    await two.touch(
      "sid",
      Object.assign(session!, { user: "mallory", cookie: Object.assign(session!.cookie!, cookie) }),
    );
    nowMs += 1.5 * MINUTE_MS;
    expect(await one.get("sid")).toStrictEqual({ cookie, user: "grace" });
    nowMs += MINUTE_MS;
    expect(await one.get("sid")).toBeUndefined();
  });

  test("touches are written once in a window, and nobody is out early", async () => {
    const [one, two] = nodes(2);
    const lastsMs = 20 * MINUTE_MS;
    await one.set("sid", sessionUntil(nowMs + lastsMs, { user: "ada" }));
    const storedMs = async () => {
      const { rows } = await query<{ ms: string }>(
        "select round(extract(epoch from expires_at) * 1000)::text as ms from sessions.web_session order by expires_at desc limit 1",
      );
      return Number(rows[0]!.ms) - nowMs;
    };
    const touch = async () => {
      const session = (await one.get("sid"))!;
      await one.touch(
        "sid",
        Object.assign(session, { cookie: { ...session.cookie!, expires: new Date(nowMs + lastsMs) } }),
      );
      return await storedMs();
    };
    nowMs += 30_000;
    expect(await touch()).toBe(lastsMs - 30_000);
    nowMs += 29_999;
    expect(await touch()).toBe(lastsMs - 59_999);
    // This node gives the new deadline already.
    expect((await one.get("sid"))!.cookie).toMatchObject({ expires: new Date(nowMs + lastsMs).toISOString() });
    nowMs += 1;
    expect(await touch()).toBe(lastsMs);
    nowMs += 10_000;
    await touch();
    await one.close();
    nowMs += lastsMs - 1;
    expect(await two.get("sid")).toMatchObject({ user: "ada" });
    nowMs += 1;
    expect(await two.get("sid")).toBeUndefined();
  });

  test("a touch that waits does not move back a deadline that another node has moved to an earlier time", async () => {
    const [one, two] = nodes(2);
    await one.set("sid", sessionUntil(nowMs + 20 * MINUTE_MS));
    const [early, late] = [(await one.get("sid"))!, (await two.get("sid"))!];
    const touch = () =>
      one.touch(
        "sid",
        Object.assign(early, { cookie: { ...early.cookie!, expires: new Date(nowMs + 20.1 * MINUTE_MS) } }),
      );
    await touch();
    const expires = new Date(nowMs + 5_000).toISOString();
    await two.set("sid", Object.assign(late, { cookie: { ...late.cookie!, originalMaxAge: 5_000, expires } }));
    await touch();
    expect((await one.get("sid"))!.cookie).toMatchObject({ expires });
    await one.close();
    nowMs += 4_999;
    expect(await two.get("sid")).toBeDefined();
    nowMs += 1;
    expect(await two.get("sid")).toBeUndefined();
  });

  test("an id may be any text, and a session may be large", async () => {
    const [node] = nodes(1);
    const ids = ["", "\0", "\ud800", "é🙂", "id ".repeat(4_000), `sha256:${"0".repeat(63)}`];
    const dataOf = (id: string) => ({ id, ...(id.length < 2 && { large: "x\n".repeat(500_000) }) });
    await Promise.all(ids.map((id) => node.set(id, sessionUntil(nowMs + MINUTE_MS, dataOf(id)))));
    const sessions = await Promise.all(ids.map((id) => node.get(id)));
    expect(sessions.map((session) => ({ ...session, cookie: undefined }))).toEqual(ids.map(dataOf));
    await Promise.all(ids.map((id) => node.destroy(id)));
    expect(await node.length()).toBe(0);
  });

  test("a session that is set without a change is a touch", async () => {
    const [node] = nodes(1);
    await node.set("sid", sessionUntil(nowMs + 20 * MINUTE_MS, { user: "ada" }));
    const version = async () =>
      (
        await query<{ version: string }>(
          "select version::text from sessions.web_session order by expires_at desc limit 1",
        )
      ).rows[0]!.version;
    const before = await version();
    const session = (await node.get("sid"))!;
    await node.set(
      "sid",
      Object.assign(session, { cookie: { ...session.cookie!, expires: new Date(nowMs + 30 * MINUTE_MS) } }),
    );
    expect(await version()).toBe(before);
    nowMs += 25 * MINUTE_MS;
    expect(await node.get("sid")).toMatchObject({ user: "ada" });
    await node.destroy("sid");
  });

  test("`all` gives the live sessions under keys that end them and open nothing, and never more than allowed", async () => {
    const [node, other] = [...nodes(1, { allAtMost: 3 }), ...nodes(1)] as const;
    for (const user of ["ada", "grace", "linus"]) await node!.set(user, sessionUntil(nowMs + MINUTE_MS, { user }));
    await other!.set("ada", sessionUntil(nowMs + MINUTE_MS));
    const all = await node!.all();
    expect(new Set(Object.values(all).map(({ user }) => user))).toEqual(new Set(["ada", "grace", "linus"]));
    const [key] = Object.entries(all).find(([, { user }]) => user === "grace")!;
    expect(key).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(await node!.get(key)).toBeUndefined();
    await node!.destroy(key);
    expect(await node!.get("grace")).toBeUndefined();
    await node!.set("ken", sessionUntil(nowMs + MINUTE_MS));
    await node!.set("rob", sessionUntil(nowMs + MINUTE_MS));
    expect(await node!.length()).toBe(4);
    await expect(node!.all()).rejects.toThrow(/at most 3/);
    await node!.clear();
    expect([await node!.length(), await other!.length()]).toEqual([0, 1]);
  });

  test("calls of one session that do not wait for each other happen in their order", async () => {
    const [{ store }] = nodes(1);
    const seen = Promise.withResolvers<unknown[]>();
    const found: unknown[] = [];
    store.set("sid", sessionUntil(nowMs + MINUTE_MS, { turn: 1 }));
    store.get("sid", (_, session) => found.push(session?.["turn"]));
    store.destroy("sid");
    store.get("sid", (_, session) => found.push(session));
    store.set("sid", sessionUntil(nowMs + MINUTE_MS, { turn: 2 }));
    store.get("sid", (_, session) => seen.resolve([...found, session?.["turn"]]));
    expect((await seen.promise).at(-1)).toBe(2);
  });

  test("of two writes of one request that do not wait for each other, the later is kept", async () => {
    const [{ store, get, set }] = nodes(1);
    await set("sid", sessionUntil(nowMs + MINUTE_MS, { theme: "dark" }));
    const session = (await get("sid"))!;
    store.set("sid", Object.assign(session, { theme: "light" }));
    await set("sid", Object.assign(session, { theme: "dark" }));
    expect(await get("sid")).toMatchObject({ theme: "dark" });
  });

  test("a call whose write waits for its window is answered before it returns, and no other", async () => {
    const [{ store, get, set }] = nodes(1);
    await set("sid", sessionUntil(nowMs + 20 * MINUTE_MS, { user: "ada" }));
    const session = (await get("sid"))!;
    const answers: string[] = [];
    store.touch("sid", session, () => answers.push("touch"));
    store.set("sid", session, () => answers.push("set"));
    expect(answers).toEqual(["touch", "set"]);
    store.set("sid", Object.assign(session, { user: "grace" }), () => answers.push("changed"));
    store.touch("sid", session, () => answers.push("touch after it"));
    expect(answers).toEqual(["touch", "set"]);
    await get("sid");
    expect(answers.slice(2)).toEqual(["changed", "touch after it"]);
  });

  test("one sweep at a time deletes expired sessions, and no others", async () => {
    const [node, other] = nodes(2);
    await node.set("a", sessionUntil(nowMs + 1_000, { mark: "is-swept" }));
    await node.set("b", sessionUntil(nowMs + 1_000, { mark: "is-used" }));
    await node.touch("b", sessionUntil(nowMs + 24 * 60 * MINUTE_MS));
    nowMs += 3 * 60 * MINUTE_MS;
    await query("insert into sessions.web_session_lease values ('sweep', 'another node', $1)", [
      new Date(nowMs + MINUTE_MS).toISOString(),
    ]);
    expect(await node.store.sweep()).toBe(0);
    nowMs += MINUTE_MS + 1;
    const swept = await Promise.all([node.store.sweep(), other.store.sweep()]);
    expect(Math.max(...swept)).toBeGreaterThan(0);
    expect([await rowsWith("is-swept"), await rowsWith("is-used")]).toEqual([0, 1]);
    const { rows } = await query("select 1 from sessions.web_session where sweep_bucket > $1", [
      new Date(nowMs).toISOString(),
    ]);
    expect(rows).toHaveLength(1);
  });

  test("a fault of a call without a callback is told to `onError`", async () => {
    const onError = vi.fn<(error: Error) => void>();
    const [{ store, close }] = nodes(1, { onError });
    store.set("sid", { big: 1n });
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "internal" }));
    await close();
  });
});
