import { Client, Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SessionsError } from "@sessions/core/internal";
import { freshDatabase } from "../testing/postgres.ts";
import { testKeeper } from "../testing/sign-ins.ts";
import { proxied } from "../testing/connections/tcp-proxy.ts";
import { Browser } from "../testing/visits/browser.ts";
import { hosts } from "../testing/visits/hosts.ts";
import { createSignIns } from "./create-sign-ins.ts";

const { url } = await freshDatabase();
const { proxy, url: throughProxy } = await proxied(url);
const pool = new Pool({ connectionString: throughProxy });
pool.on("error", () => {});

let passedMs = 0;
const faults: SessionsError[] = [];
// A node that never believes its cache, as one whose lease has passed.
const signIns = createSignIns({
  database: pool,
  sweeps: false,
  leaseMs: 0,
  now: () => Date.now() + passedMs,
  onError: (fault) => void faults.push(fault),
});

beforeAll(() => signIns.migrate());
afterAll(async () => {
  await signIns.close();
  await pool.end();
  await proxy.close();
});

/** Ways in which Postgres can be away. Each gives a function that brings it back. */
const ways: Readonly<Record<string, () => Promise<() => unknown>>> = {
  "refuses connections": () => {
    proxy.refusing = true;
    proxy.cut();
    return Promise.resolve(() => (proxy.refusing = false));
  },
  "does not answer": async () => {
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ name: string }>(
      "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'sessions'",
    );
    await client.query(`begin; lock table ${rows.map(({ name: table }) => table).join(", ")} in access exclusive mode`);
    return () => client.end();
  },
};

test.for(Object.keys(ways))(
  "in every host, while Postgres %s, a request with a token gets 503 within two seconds, no cookie, and never nobody",
  async (way) => {
    const running = await Promise.all(
      Object.entries(hosts).map(async ([name, start]) => {
        const host = await start(signIns);
        const device = new Browser(host.url);
        const owner = `ada-${name}-${way}`;
        await device.signIn(owner);
        return { host, device, owner };
      }),
    );
    // A next secret is due.
    passedMs += 86_400_001;
    const bringBack = await ways[way]!();
    const began = performance.now();
    const answers = await Promise.all(
      running.flatMap(({ host, device, owner }) => [
        device.ask("/me"),
        device.ask("/trpc/signIns.current"),
        device.ask("/trpc/signIns.list"),
        device.ask("/trpc/signIns.signOut", { method: "POST", body: {}, headers: { "sign-in-csrf": device.csrf! } }),
        new Browser(host.url).post("/sign-in", { owner: `grace-${owner}`, factors: ["password"] }),
      ]),
    );
    const tookMs = performance.now() - began;
    // Who shows no token is nobody: Postgres need not say so.
    const nobody = await Promise.all(running.map(({ host }) => new Browser(host.url).send("/me")));
    await bringBack();
    const after = await Promise.all(running.map(({ device }) => device.send("/me")));
    await Promise.all(running.map(({ host }) => host.stop()));

    for (const { status, headers, setCookies, body } of answers) {
      expect([status, headers["retry-after"], setCookies]).toEqual([503, "2", []]);
      expect(body).not.toMatch(/owner|nobody|null/);
    }
    // A busy machine answers a little later.
    expect(tookMs).toBeLessThan(4_000);
    for (const { body } of nobody) expect(JSON.parse(body)).toMatchObject({ owner: null });
    expect(after.map(({ body }) => (JSON.parse(body) as { owner: string }).owner)).toEqual(
      running.map(({ owner }) => owner),
    );
  },
);

test("a sign-in that nobody waits for any more does not begin", async () => {
  let elapsedMs = 0;
  const keeper = testKeeper(pool, { elapsedMs: () => (elapsedMs += 100) });
  const input = { owner: "grace", factors: ["password"], device: "Phone", place: null, current: null };
  await expect(keeper.begin({ ...input, giveUpAfterMs: 99 })).rejects.toMatchObject({ code: "database_unreachable" });
  expect((await keeper.list("grace")).rows).toEqual([]);
  await keeper.begin({ ...input, giveUpAfterMs: 100_000 });
  expect((await keeper.list("grace")).rows).toHaveLength(1);
  await keeper.close();
});

test("each request that could not be answered is reported, without anything of its token", () => {
  expect(faults.length).toBeGreaterThan(0);
  expect(new Set(faults.map(({ code }) => code))).toEqual(new Set(["database_unreachable"]));
});
