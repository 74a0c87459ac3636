import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { keylessCipher } from "../secrets/owner-cipher.ts";
import { loadHistory } from "./rows/history/history.ts";
import { createKysely } from "../postgres/database.ts";
import type { Tables } from "./rows/tables.ts";
import { createBank, draft, start, TestClient } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";

const { pool } = await freshDatabase();
const hourMs = 3_600_000;
const startMs = Date.UTC(2026, 4, 30, 12);
let nowMs = startMs;
const options = { now: () => nowMs, sweeps: false };
const nodes = Array.from({ length: 4 }, () => createBank(pool, options));
const [node] = nodes as [(typeof nodes)[0]];

beforeAll(() => node.migrate());

test("S7: a sweep ends what is due, in the archive and its history, and leaves the rest", async () => {
  nowMs = startMs;
  const ada = new TestClient(node, "ada");
  const due = uuidv7();
  const touched = uuidv7();
  await ada.push(start(due, "notes"), start(touched, "notes"));
  nowMs += 71 * hourMs;
  await ada.one(draft(touched, "left", "text", "still here", nowMs));
  nowMs += 2 * hourMs;

  expect(await node.sweep()).toBe(1);
  expect(await node.sweep()).toBe(0);
  expect(await ada.read(due)).toMatchObject({ status: "expired", revision: 2, endedAt: "2026-06-02T12:00:00.000Z" });
  expect(await ada.read(touched)).toMatchObject({ status: "active", revision: 2 });
  const history = await loadHistory(createKysely<Tables>(pool).withSchema("sessions"), "ada", due, keylessCipher);
  expect(history.map(({ number, body }) => [number, body.change.kind, body.command === null])).toEqual([
    [1, "start", false],
    [2, "end", true],
  ]);
});

test("S7: four sweepers at once end each due session exactly once", async () => {
  nowMs = startMs + 1_000 * hourMs;
  const ids = Array.from({ length: 400 }, () => uuidv7());
  const owners = Array.from({ length: 20 }, () => new TestClient(node, uuidv7()));
  await Promise.all(ids.map((id, index) => owners[index % 20]!.one(start(id, "notes"))));
  nowMs += 74 * hourMs;
  const ended = await Promise.all(nodes.map((each) => each.sweep()));
  // The session that was still active in the test before is due by now, too.
  expect(ended.reduce((sum, count) => sum + count)).toBe(401);
  const { rows } = await pool.query<{ archived: string; hot: string; entries: string }>(
    `select (select count(*) from sessions.session_archive where id = any($1)) as archived,
            (select count(*) from sessions.session where id = any($1)) as hot,
            (select count(*) from sessions.session_event where session_id = any($1)) as entries`,
    [ids],
  );
  expect(rows[0]).toEqual({ archived: "400", hot: "0", entries: "800" });
});

test("S7: a session that cannot be ended is reported, and keeps none of the others; minutes after its deadline each is swept", async () => {
  nowMs = startMs + 2_000 * hourMs;
  const reports: string[] = [];
  const [stuck, free] = [uuidv7(), uuidv7()];
  const ada = new TestClient(node, "ada");
  await ada.push(start(stuck, "notes"), start(free, "notes"));
  nowMs += 72 * hourMs;
  await pool.query(
    `insert into sessions.session_archive
       (owner_id, id, flow, version, revision, status, state, receipts, entry, hash, ended_at)
     select owner_id, id, flow, version, revision, 'expired', state, receipts, entry, hash, expires_at
     from sessions.session where id = $1`,
    [stuck],
  );
  nowMs += 60_000;
  const sweeping = createBank(pool, {
    ...options,
    onError: ({ code, message }) => reports.push(`${code}: ${message}`),
  });
  expect(await sweeping.sweep()).toBe(1);
  expect(await ada.read(free)).toMatchObject({ status: "expired" });
  expect(reports).toEqual([expect.stringMatching(/^database_failed: .*was not ended/)]);
  expect(reports[0]).toContain(stuck);
  await pool.query("delete from sessions.session_archive where id = $1", [stuck]);
  expect(await sweeping.sweep()).toBe(1);
});
