import { beforeAll, expect, test } from "vitest";
import { createKysely } from "../../../postgres/database.ts";
import { freshDatabase } from "../../../testing/postgres.ts";
import { countRows, signIn, testKeeper } from "../../../testing/sign-ins.ts";
import { lifetimeOf } from "../../lifetime.ts";
import { firstBrokenEntry, loadSignInHistory } from "../../rows/history.ts";
import type { SignInTables } from "../../rows/tables.ts";

const { pool } = await freshDatabase();
const db = createKysely<SignInTables>(pool).withSchema("sessions");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
let nowMs = Date.UTC(2026, 0, 31, 14);
const options = { now: () => nowMs, elapsedMs: () => nowMs, lifetime: lifetimeOf({ idle: "6h", absolute: "30d" }) };
const node = testKeeper(pool, options);

beforeAll(() => node.migrate());

const endedIn = async (owner: string) => {
  const { rows } = await pool.query<{ ending: string; month: string }>(
    `select ending, tableoid::regclass::text as month from sessions.sign_in_archive where owner_id = $1`,
    [owner],
  );
  return rows.map(({ ending, month }) => [ending, month]);
};

test("a sweep moves what is past its deadline to the month of that deadline, and leaves what was used", async () => {
  const due = await signIn(node, "ada");
  const used = await signIn(node, "ada");
  nowMs += 5 * HOUR_MS;
  const touching = testKeeper(pool, options);
  await touching.check(used.token);
  await touching.close();
  nowMs += 2 * HOUR_MS;
  expect(await node.sweep()).toBe(1);
  expect(await node.sweep()).toBe(0);
  expect(await endedIn("ada")).toEqual([["expired", "sessions.sign_in_archive_2026_01"]]);
  expect(await node.endOf(due.token)).toEqual({ ending: "expired", atMs: due.signIn.endsMs });
  expect((await node.check(used.token)).kind).toBe("live");

  // Months later there may have been no node to make the months between.
  nowMs += 300 * DAY_MS;
  expect(await node.sweep()).toBe(1);
  expect(await endedIn("ada")).toContainEqual(["expired", "sessions.sign_in_archive_2026_02"]);
  expect(await countRows(pool, "ada")).toBe(0);
});

test("a sign-in that was used is swept at its last deadline, and looked at only once an hour before", async () => {
  const { token } = await signIn(node, "grace");
  const buckets = async () => {
    const { rows } = await pool.query<{ at: Date }>(
      "select sweep_bucket as at from sessions.sign_in where owner_id = 'grace'",
    );
    return rows.map(({ at }) => at.getTime());
  };
  const [first] = await buckets();
  nowMs += 5 * HOUR_MS;
  const touching = testKeeper(pool, options);
  await touching.check(token);
  await touching.close();
  await node.sweep();
  expect(await buckets()).toEqual([first]);
  nowMs += 3 * HOUR_MS;
  await node.sweep();
  const [moved] = await buckets();
  expect(moved! - first!).toBe(5 * HOUR_MS);
  nowMs += 4 * HOUR_MS;
  expect(await node.sweep()).toBe(1);
});

test("four sweepers at once end each sign-in once, and its history has one end", async () => {
  const owners = Array.from({ length: 40 }, (_, index) => `swept ${index}`);
  await Promise.all(owners.map((owner) => signIn(node, owner)));
  nowMs += 7 * HOUR_MS;
  const nodes = Array.from({ length: 4 }, () => testKeeper(pool, options));
  const ended = await Promise.all(nodes.map((each) => each.sweep()));
  expect(ended.reduce((sum, count) => sum + count)).toBe(40);
  const { rows } = await pool.query(
    `select (select count(*)::int from sessions.sign_in_archive where owner_id like 'swept %') as archived,
       (select count(*)::int from sessions.sign_in_event where owner_id like 'swept %') as entries`,
  );
  expect(rows).toEqual([{ archived: 40, entries: 80 }]);
});

test("the history of a sign-in is numbered and hash-chained, across months, and a changed or missing entry shows", async () => {
  const first = await signIn(node, "bob");
  nowMs += HOUR_MS;
  await node.noteSignal(first.signIn, "place_changed");
  const proved = await signIn(node, "bob", { current: first.signIn, factors: ["passkey"], device: "Safari on iPhone" });
  nowMs += HOUR_MS;
  await signIn(node, "bob");
  await node.end("bob", first.signIn.publicId, "signed_out", proved.signIn);
  const load = () => loadSignInHistory(db, "bob", first.signIn.publicId);
  const entries = await load();
  expect(entries.map(({ number, body }) => [number, body.kind, body.signal])).toEqual([
    [1, "signed_in", null],
    [2, "signal", "place_changed"],
    [3, "proved", null],
    [4, "signed_out", null],
  ]);
  expect(firstBrokenEntry(entries)).toBeNull();
  const { rows } = await pool.query<{ hash: Buffer; entry: number }>(
    "select hash, entry from sessions.sign_in_archive where owner_id = 'bob'",
  );
  expect(rows).toEqual([{ hash: Buffer.from(entries.at(-1)!.hash), entry: 4 }]);
  await pool.query(
    "update sessions.sign_in_event set body = replace(body::text, 'iPhone', 'iPad')::json where entry = 3",
  );
  expect(firstBrokenEntry(await load())).toBe(3);
  await pool.query("delete from sessions.sign_in_event where entry = 2");
  expect(firstBrokenEntry(await load())).toBe(2);
});

test("ending everybody's lets nobody in at once, moves every row, and leaves what begins afterwards", async () => {
  const tokens = [];
  for (const owner of ["carol", "dora", "erin"]) tokens.push((await signIn(node, owner)).token);
  const told: number[] = [];
  expect(await node.endEverybody((ended) => told.push(ended))).toBeGreaterThanOrEqual(3);
  expect(told.length).toBeGreaterThan(0);
  const after = await signIn(node, "carol");
  for (const each of [node, testKeeper(pool, options)]) {
    for (const token of tokens) expect((await each.check(token)).kind).toBe("nobody");
    expect((await each.check(after.token)).kind).toBe("live");
  }
  for (const token of tokens) expect(await node.endOf(token)).toMatchObject({ ending: "revoked" });
  const { rows } = await pool.query("select count(*)::int as rows from sessions.sign_in");
  expect(rows).toEqual([{ rows: 1 }]);
});

test("lists and histories come in pages, the newest first, and miss nothing", async () => {
  const begun: string[] = [];
  for (let index = 0; index < 7; index += 1) {
    nowMs += index % 2;
    begun.push((await signIn(node, "frank")).signIn.publicId);
  }
  const listed: string[] = [];
  for (let after: string | null | undefined; after !== null;) {
    const page = await node.list("frank", { limit: 3, ...(after !== undefined && { after }) });
    expect(page.rows.length).toBeLessThanOrEqual(3);
    listed.push(...page.rows.map(({ publicId }) => publicId));
    after = page.next;
  }
  expect(listed.toSorted()).toEqual(begun.toSorted());
  expect(listed[0]).toBe(begun.slice(-2).toSorted().at(-1));
  await node.endAll("frank");
  const seen = new Set<string>();
  for (let after: string | null | undefined; after !== null;) {
    const page = await node.history("frank", { limit: 4, ...(after !== undefined && { after }) });
    for (const { publicId, entry } of page.rows) seen.add(`${publicId} ${entry}`);
    after = page.next;
  }
  expect(seen.size).toBe(14);
  expect((await node.list("frank", { after: "no position" })).rows).toEqual([]);
});
