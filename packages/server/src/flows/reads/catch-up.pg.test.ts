import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROTOCOL_VERSION, type WatchEvent } from "@sessions/core/internal";
import { cancel, createBank, start, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { recordingPool } from "../../testing/statements/statement-recorder.ts";

const SESSIONS = 2_100;

const { pool, url } = await freshDatabase();
const recording = recordingPool({ connectionString: url });
const owner = "ada";
const node = createBank(recording.pool, { sweeps: false });

beforeAll(async () => {
  await node.migrate();
  const session = uuidv7();
  await new TestClient(node, owner).one(start(session, "notes"));
  const columns = "flow, version, revision, state, receipts, entry, hash, expires_at, expires_bucket";
  await pool.query(
    `insert into sessions.session (owner_id, id, ${columns})
     select owner_id, uuidv7(), ${columns} from sessions.session, generate_series(2, $2) where id = $1`,
    [session, SESSIONS],
  );
});
afterAll(() => recording.pool.end());

/** What a device is told that watches until it has all. */
async function beginningOf(known: Record<string, number> = {}): Promise<readonly string[]> {
  const caller = node.router.createCaller({ user: owner });
  const stream = (await caller.watch({ protocol: PROTOCOL_VERSION, known })) as AsyncIterable<WatchEvent>;
  const told: string[] = [];
  for await (const { snapshots, more } of stream) {
    told.push(...snapshots.map(({ id }) => id));
    if (!more) break;
  }
  return told;
}

/** What was sent meanwhile: which sessions there are, and the sessions themselves. */
async function sentIn<T>(work: () => Promise<T>) {
  recording.sent.length = 0;
  const result = await work();
  const listings = recording.sent.filter(({ text }) => text.includes(`as "due"`));
  const pages = recording.sent.filter(({ text }) => text.includes("row_number()"));
  const rowsOf = (sent: typeof listings) => sent.reduce((sum, { rows = 0 }) => sum + rows, 0);
  return { result, listings: listings.length, listed: rowsOf(listings), pages: pages.length, read: rowsOf(pages) };
}

test("S25: a stream's beginning lists each session once, and reads it once", async () => {
  const { result, ...sent } = await sentIn(() => beginningOf());
  expect(new Set(result).size).toBe(SESSIONS);
  expect(result).toEqual(result.toSorted().toReversed());
  expect(sent).toEqual({ listings: 3, listed: SESSIONS, pages: SESSIONS / 100, read: SESSIONS });
});

test("S25: streams that begin at once share what they list", async () => {
  const some = 6;
  const { result, ...sent } = await sentIn(() => Promise.all(Array.from({ length: some }, () => beginningOf())));
  for (const told of result) expect(new Set(told).size).toBe(SESSIONS);
  // The first has the newest by itself, and the others have it together. One that comes late has a list of its own.
  expect(sent.listed).toBeLessThan((SESSIONS * some * 3) / 4);
  expect(sent.pages).toBe((SESSIONS / 100) * some);
});

test("S25: whoever asks instead lists no session again with every page", async () => {
  const { caller } = new TestClient(node, owner);
  const { result, ...sent } = await sentIn(async () => {
    const told: string[] = [];
    for (let more = true; more;) {
      const after = told.at(-1);
      const reply = await caller.changes({ protocol: PROTOCOL_VERSION, known: {}, ...(after && { after }) });
      told.push(...reply.snapshots.map(({ id }) => id));
      more = reply.more;
    }
    return told;
  });
  expect(new Set(result).size).toBe(SESSIONS);
  // A thousand for each page of a hundred, and never all.
  expect(sent.listings).toBeLessThanOrEqual(SESSIONS / 100 + 3);
  expect(sent.listed).toBeLessThanOrEqual((SESSIONS / 100) * 1_000);
  expect(sent.read).toBe(SESSIONS);
});

test("what is known and has ended is told in its place, whichever stretch it is in", async () => {
  const { caller } = new TestClient(node, owner);
  const all = (await pool.query<{ id: string }>("select id from sessions.session order by id desc")).rows;
  const ids = [all[10]!.id, all[1_200]!.id, all[2_050]!.id, all.at(-1)!.id];
  const known = Object.fromEntries([...ids, all[11]!.id].map((id) => [id, 1]));
  for (const session of ids) {
    await caller.push({
      protocol: PROTOCOL_VERSION,
      device: { id: uuidv7(), name: "Test device" },
      commands: [cancel(session)],
    });
  }
  const told = await beginningOf(known);
  expect(told).toHaveLength(SESSIONS - 1);
  expect(told).toEqual(told.toSorted().toReversed());
  expect(told).toEqual(expect.arrayContaining(ids));
});
