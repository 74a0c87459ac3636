import { writeFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postgresBus, type Sessions } from "../index.ts";
import { keysFromEnvironment } from "../secrets/environment-keys.ts";
import { generateKey } from "../secrets/key-ring.ts";
import { createBank, createLedger, draft, start, submit, TestClient } from "../testing/bank.ts";
import { sessionsWith } from "../testing/cli.ts";
import { proxied } from "../testing/connections/tcp-proxy.ts";
import { backUp, dump } from "../testing/erasure/filled-tables.ts";
import { eventually } from "../testing/eventually.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { watching } from "../testing/watcher.ts";

// Two nodes that seal everything, and have all of it in memory. Rows that are put back stand for a replica that lags.

const { pool, url } = await freshDatabase();
const { proxy, url: busUrl } = await proxied(url);
const otherPool = new Pool({ connectionString: url });
const key = generateKey();
const sealing = { keys: keysFromEnvironment(key), encrypt: "all", sweeps: false } as const;
const node = createBank(pool, { ...sealing, bus: busAt(url) });
const otherNode = createBank(otherPool, { ...sealing, bus: busAt(busUrl) });

function busAt(connectionString: string) {
  return postgresBus({ client: () => new Client({ connectionString }) });
}

beforeAll(async () => {
  await node.migrate();
  await createLedger(pool);
});
afterAll(async () => {
  await node.close();
  await otherNode.close();
  await otherPool.end();
  await proxy.close();
});

const erase = (owner: string) => node.as(owner, { name: "Privacy desk" }).erase();
const cli = (...words: string[]) => sessionsWith({ databaseUrl: url, keys: key }, ...words);
const wholeOf = async () => (await cli("verify")).stdout;
const ownRows = async (owner: string) =>
  [...(await dump(pool))].map(([table, lines]) => [table, lines.filter((line) => line.includes(owner))] as const);

/** An active session with a draft, and a completed one, on the other node. */
async function typed(owner: string): Promise<string> {
  const client = new TestClient(otherNode, owner, "Phone");
  await client.one((await client.untilReview()).review);
  const session = uuidv7();
  await client.push(start(session, "notes"), submit(session, "left", { text: owner }));
  await client.one(draft(session, "right", "text", owner));
  expect(await client.read(session)).toMatchObject({ data: { left: { text: owner } } });
  return session;
}

/** Puts a session's row back, and runs work on it. */
async function withRowBack(row: object, id: string, work: () => Promise<void>): Promise<void> {
  await pool.query("insert into sessions.session select * from json_populate_record(null::sessions.session, $1)", [
    JSON.stringify(row),
  ]);
  await work();
  await pool.query("delete from sessions.session where id = $1", [id]);
}

async function rowOf(id: string): Promise<object> {
  const { rows } = await pool.query<{ row: object }>(
    "select row_to_json(s) as row from sessions.session s where id = $1",
    [id],
  );
  return rows[0]!.row;
}

/** That a node opens nothing of what was sealed: neither a row that is put back, nor anything else. */
async function expectUnreadable(on: Sessions, owner: string, id: string): Promise<void> {
  await expect(new TestClient(on, owner).read(id)).rejects.toThrow("sealed_invalid");
  expect(await new TestClient(on, owner).list()).toMatchObject({ active: [], ended: [] });
}

test("S24: a second after an erasure no node opens anything, and what the neighbour typed is whole", async () => {
  const [session, neighbours] = [await typed("ada"), await typed("grace")];
  const row = await rowOf(session);
  const before = await ownRows("grace");
  const stream = await watching(otherNode, "ada");

  const beganMs = performance.now();
  await erase("ada");
  await stream.ended;
  await withRowBack(row, session, async () => {
    await eventually(() => expectUnreadable(otherNode, "ada", session), 1_000);
    expect(performance.now() - beganMs).toBeLessThan(1_000 + 2_000);
    await expectUnreadable(node, "ada", session);
  });
  expect(await ownRows("grace")).toEqual(before);
  expect(await new TestClient(node, "grace").read(neighbours)).toMatchObject({ data: { left: { text: "grace" } } });
  expect(await wholeOf()).toContain("2 sessions are whole");
});

test("S24: a node whose bus is cut shows nothing of an erased owner, and forgets the key once the bus is back", async () => {
  const session = await typed("carl");
  const row = await rowOf(session);
  proxy.refusing = true;
  proxy.cut();
  await erase("carl");
  const client = new TestClient(otherNode, "carl");
  expect(await client.read(session)).toBeNull();
  expect(await client.list()).toMatchObject({ active: [], ended: [] });
  for (const command of [draft(session, "right", "text", "late"), submit(session, "left", { text: "late" })]) {
    expect(await client.one(command)).toMatchObject({ refusal: { code: "not_found" } });
  }
  proxy.refusing = false;
  await withRowBack(row, session, () => eventually(() => expectUnreadable(otherNode, "carl", session)));
});

test("S24: sealed completions of an erased owner still count for the limit", async () => {
  const client = new TestClient(otherNode, "limited");
  for (let count = 0; count < 20; count += 1) await client.one((await client.untilReview()).review);
  await erase("limited");
  const { review } = await client.untilReview();
  expect(await client.one(review)).toMatchObject({ refusal: { code: "limit_reached", atMost: 20 } });
});

test("S24: a restored backup brings the data key back, and the tombstones destroy it again", async () => {
  const [session, neighbours] = [await typed("restored"), await typed("kept")];
  const restore = await backUp(pool);
  await erase("restored");
  const { stdout: tombstones } = await cli("erase", "--tombstones");
  await restore();
  const fresh = () => createBank(pool, { ...sealing, encrypt: "read" });
  expect(await new TestClient(fresh(), "restored").read(session)).toMatchObject({
    data: { left: { text: "restored" } },
  });
  const [row, before] = [await rowOf(session), await ownRows("kept")];

  const file = join(await mkdtemp(join(tmpdir(), "tombstones-")), "erased.ndjson");
  await writeFile(file, tombstones);
  expect(await cli("erase", "--replay", file)).toMatchObject({ code: 0 });
  await withRowBack(row, session, () => expectUnreadable(fresh(), "restored", session));
  const { rows } = await pool.query("select data from sessions.owner_key where owner_id = 'restored'");
  expect(rows).toEqual([{ data: null }]);
  expect(await ownRows("kept")).toEqual(before);
  expect(await new TestClient(fresh(), "kept").read(neighbours)).toMatchObject({ data: { left: { text: "kept" } } });
  expect(await wholeOf()).toContain("are whole");
});
