import { randomBytes } from "node:crypto";
import { Pool } from "pg";
import { beforeAll, expect, test } from "vitest";
import { forEachConcurrently } from "../../concurrency.ts";
import { createKysely } from "../../postgres/database.ts";
import { emptyPGlite } from "../../testing/pglite.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";
import { recordingPool } from "../../testing/statements/statement-recorder.ts";
import { lifetimeOf } from "../lifetime.ts";
import { insertLive, loadLive } from "../rows/live.ts";
import type { SignInTables } from "../rows/tables.ts";
import { TouchStatements } from "../rows/touch-statements.ts";
import { createRotation } from "../token/rotation.ts";
import { base64url, type Token } from "../token/token.ts";
import { publicIdOf } from "../token/public-id.ts";

const { pool, url } = await freshDatabase();
const db = createKysely<SignInTables>(pool).withSchema("sessions");
let nowMs = Date.UTC(2026, 5, 1);
const options = { now: () => nowMs, elapsedMs: () => nowMs, cacheBytes: 10_000_000 };
const aal3 = { ...options, lifetime: lifetimeOf("aal3"), rotateMs: 86_400_000 };
const IDLE_MS = 15 * 60_000;

beforeAll(() => testKeeper(pool).migrate());

async function manySignIns(count: number): Promise<readonly Token[]> {
  const tokens: Token[] = [];
  await forEachConcurrently(Array(count).keys(), 8, async (index) => {
    const owner = `owner ${index}`;
    const id = base64url(randomBytes(16));
    const { rotation, offer } = createRotation(nowMs);
    const times = { sinceMs: nowMs, provedMs: nowMs, lastUsedMs: nowMs, endsMs: nowMs + 3_600_000 };
    const told = {
      owner,
      id: publicIdOf(id),
      device: "Firefox on Linux",
      place: "BE",
      factors: ["password"],
      guestSession: null,
    };
    const chain = { binding: null, epoch: 0, lastEntry: 1, lastHash: randomBytes(32) };
    await insertLive(db, { ...told, ...times, ...chain, csrf: base64url(randomBytes(16)), rotation });
    tokens.push({ owner, id, ...offer });
  });
  return tokens;
}

async function updates(): Promise<{ readonly all: number; readonly hot: number }> {
  const { rows } = await pool.query<{ all: string; hot: string }>(
    `select n_tup_upd::text as all, n_tup_hot_upd::text as hot from pg_stat_user_tables where relname = 'sign_in'`,
  );
  return { all: Number(rows[0]?.all), hot: Number(rows[0]?.hot) };
}

test("30,000 requests of 1,000 sign-ins within a minute ask nothing of Postgres, and write each row once, in a few statements, heap-only", async () => {
  const tokens = await manySignIns(1_000);
  const { pool: recorded, sent } = recordingPool({ connectionString: url, max: 3 });
  const node = testKeeper(recorded, options);
  for (const token of tokens) await node.check(token);
  const before = await updates();
  sent.length = 0;
  nowMs += 200_000;
  for (let round = 0; round < 30; round += 1) {
    nowMs += 1_999;
    for (const token of tokens) if ((await node.check(token)).kind !== "live") throw new Error("Signed out.");
  }
  await node.close();
  const texts = sent.map(({ text }) => text);
  const writes = texts.filter((text) => /update "sessions"\."sign_in"/.test(text));
  // Beside these there are only the looks at what has changed, one in each lease.
  expect(texts.filter((text) => text.includes('"sign_in"'))).toEqual(writes);
  expect(writes.length).toBeGreaterThanOrEqual(1);
  expect(writes.length).toBeLessThanOrEqual(10);
  // Each connection tells its statistics at its end.
  await recorded.end();
  await expect.poll(async () => (await updates()).all - before.all).toBe(1_000);
  const after = await updates();
  expect((after.hot - before.hot) / (after.all - before.all)).toBeGreaterThanOrEqual(0.99);
  await pool.query("truncate sessions.sign_in");
});

test("S16: a sign-in that is used within its idle time goes on to its absolute deadline, on nodes that take turns and sweep", async () => {
  const short = { ...aal3, lifetime: lifetimeOf({ idle: "15m", absolute: "2h" }) };
  const { token, signIn: begun } = await signIn(testKeeper(pool, short), "ada");
  const absoluteMs = begun.provedMs + 2 * 3_600_000;
  while (nowMs + IDLE_MS < absoluteMs) {
    nowMs += IDLE_MS - 1;
    const node = testKeeper(pool, short);
    expect((await node.check(token)).kind).toBe("live");
    await node.close();
    await testKeeper(pool, short).sweep();
  }
  const node = testKeeper(pool, short);
  expect((await node.check(token)).kind).toBe("live");
  nowMs = absoluteMs;
  expect((await node.check(token)).kind).toBe("nobody");
  expect(await node.endOf(token)).toEqual({ ending: "expired", atMs: absoluteMs });
});

test("a sign-in that nobody uses is out at its idle deadline on every node, although nothing was swept", async () => {
  const nodes = [testKeeper(pool, aal3), testKeeper(pool, aal3)] as const;
  const { token, signIn: begun } = await signIn(nodes[0], "grace");
  // The slack of a minute, and some seconds for the touch to be written.
  expect(begun.endsMs - nowMs - IDLE_MS).toBeLessThanOrEqual(66_000);
  nowMs = begun.endsMs - 1;
  expect((await testKeeper(pool, aal3).check(token)).kind).toBe("live");
  nowMs = begun.endsMs;
  for (const node of nodes) {
    expect((await node.check(token)).kind).toBe("nobody");
    expect((await node.list("grace")).rows).toEqual([]);
  }
});

test("S16: a crash that loses what a node had noted costs at most the slack, and a use that was not noted costs nothing", async () => {
  const { token, signIn: begun } = await signIn(testKeeper(pool, aal3), "bob");
  const dying = testKeeper(pool, aal3);
  nowMs += 59_999;
  // So soon after the sign-in it is not noted.
  expect((await dying.check(token)).kind).toBe("live");
  nowMs += IDLE_MS - 1;
  expect((await testKeeper(pool, aal3).check(token)).kind).toBe("live");
  nowMs = begun.lastUsedMs + 120_000;
  // Noted, and lost: the node dies before it writes.
  expect((await dying.check(token)).kind).toBe("live");
  nowMs += IDLE_MS - 60_000;
  expect((await testKeeper(pool, aal3).check(token)).kind).toBe("live");
  await dying.close();
});

test.each(["touchOne", "touchMany"] as const)(
  "%s never waits for a lock, leaves what another node has just touched, and never shortens a sign-in",
  async (method) => {
    const owner = `carol by ${method}`;
    const { signIn: begun } = await signIn(testKeeper(pool, aal3), owner);
    const id = begun.publicId;
    const statements = new TouchStatements("sessions");
    const touch = async (lastUsedMs: number, endsMs: number, at = { owner, id }) => {
      const each = { ...at, lastUsedMs, endsMs, unlessAfterMs: lastUsedMs - 60_000 };
      return method === "touchOne" ? statements.touchOne(db, each) : (await statements.touchMany(db, [each]))[0];
    };
    const times = async () => {
      const { lastUsedMs, endsMs } = (await loadLive(db, owner, id))!;
      return [lastUsedMs, endsMs];
    };
    const usedMs = nowMs + 60_000;
    const client = await pool.connect();
    await client.query("begin");
    await client.query("select from sessions.sign_in where owner_id = $1 for update", [owner]);
    expect(await touch(usedMs, usedMs + IDLE_MS)).toBe(false);
    await client.query("commit");
    client.release();
    expect(await times()).toEqual([begun.lastUsedMs, begun.endsMs]);

    expect(await touch(usedMs, usedMs + IDLE_MS * 2)).toBe(true);
    expect(await times()).toEqual([usedMs, usedMs + IDLE_MS * 2]);
    expect(await touch(usedMs + 59_999, usedMs + IDLE_MS * 3)).toBe(true);
    expect(await times()).toEqual([usedMs, usedMs + IDLE_MS * 2]);
    expect(await touch(usedMs + 60_000, usedMs)).toBe(true);
    expect(await times()).toEqual([usedMs + 60_000, usedMs + IDLE_MS * 2]);
    expect(await touch(usedMs, usedMs, { owner: "nobody", id })).toBe(false);
  },
);

test("touches are written on PGlite", { timeout: 120_000 }, async () => {
  const database = await emptyPGlite();
  const node = testKeeper(database, options);
  await node.migrate();
  const { token } = await signIn(node, "ada");
  nowMs += 300_000;
  expect((await node.check(token)).kind).toBe("live");
  await node.close();
  expect((await testKeeper(database, options).list("ada")).rows).toMatchObject([{ lastUsedMs: nowMs }]);
  await database.close();
});

test("S16: while Postgres takes no touches the fault is told once, without what it is about", async () => {
  const own = new Pool({ connectionString: url, max: 1 });
  const reports: string[] = [];
  const node = testKeeper(own, { ...options, report: ({ message }) => reports.push(message) });
  const { token } = await signIn(node, "erin");
  nowMs += 300_000;
  await pool.query(
    "alter table sessions.sign_in add constraint no_touches check (last_used_at < '2026-01-01') not valid",
  );
  expect((await node.check(token)).kind).toBe("live");
  await node.close();
  await pool.query("alter table sessions.sign_in drop constraint no_touches");
  expect(reports).toEqual([expect.stringMatching(/^database_failed: .*23514/)]);
  expect(reports.join()).not.toContain("erin");
  await own.end();
});
