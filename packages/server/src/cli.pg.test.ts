import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { kyselyOver } from "./postgres/database.ts";
import { cancel, createBank, createLedger, start, submit, Teller } from "./testing/bank.ts";
import { freshDatabase } from "./testing/postgres.ts";
import { verify } from "./verify.ts";

const { pool, url } = await freshDatabase();
const db = kyselyOver(pool).withSchema("sessions");
const program = fileURLToPath(new URL("cli.ts", import.meta.url));

/** Runs the program as a process of its own. */
function sessions(...words: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, DATABASE_URL: url };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--conditions=@sessions/source", program, ...words],
      { env },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      },
    );
  });
}

let nowMs = Date.UTC(2024, 0, 31);
const node = createBank(pool, { now: () => nowMs, sweeps: false });
const ada = new Teller(node, "ada");
const month = new Date().toISOString().slice(0, 7);

beforeAll(async () => {
  await sessions("migrate");
  await createLedger(pool);
  const old = uuidv7();
  await ada.push(start(old, "notes"), cancel(old));
  nowMs = Date.now() - 100 * 3_600_000;
  await ada.one(start(uuidv7(), "notes"));
  nowMs = Date.now();
  for (let index = 0; index < 3; index += 1) await ada.one((await ada.untilReview()).review);
});

test("on a database without tables, status says what to run", async () => {
  const { code, stderr } = await sessions("--schema", "elsewhere", "status");
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("migrate()") });
});

test("status counts what is active, due and ended", async () => {
  const { code, stdout } = await sessions("status");
  expect(code).toBe(0);
  expect(stdout).toContain("Active sessions     1, of which 1 are due");
  expect(stdout).toContain("2024-01 to");
});

test("sweep ends what is due, and verify finds everything whole", async () => {
  expect(await sessions("sweep")).toMatchObject({ code: 0, stdout: "Ended 1 sessions.\n" });
  expect(await sessions("verify")).toMatchObject({ code: 0, stdout: "5 sessions are whole.\n" });
});

test("export writes a month's ended sessions as lines of JSON", async () => {
  const { code, stdout } = await sessions("export", month);
  expect(code).toBe(0);
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.filter(({ status }) => status === "completed")).toHaveLength(3);
  expect(lines[0]).toMatchObject({ owner: "ada" });
  expect(await sessions("export", "2023-13")).toMatchObject({ code: 1, stderr: expect.stringContaining("2026-11") });
});

test("partitions lists months, and drops only what a retention no longer keeps", async () => {
  expect(await sessions("partitions", "--keep", "soon")).toMatchObject({ code: 1 });
  const { stdout } = await sessions("partitions", "--ahead", "6", "--keep", "12 months");
  expect(stdout).toContain("Dropped session_archive_2024_01");
  expect(stdout).toContain("Dropped session_event_2024_01");
  expect((await ada.list()).ended).toHaveLength(4);
  expect(await sessions("verify")).toMatchObject({ code: 0, stdout: "4 sessions are whole.\n" });
});

test.for<readonly [name: string, statement: string, says: string]>([
  [
    "an entry that was changed",
    "update sessions.session_event set body = jsonb_set(body::jsonb, '{change,data,cents}', '1') where session_id = $1 and entry = 3",
    "has an entry 3 that was changed",
  ],
  ["an entry that is gone", "delete from sessions.session_event where session_id = $1 and entry = 2", "lacks entry 2"],
  [
    "the last entry gone",
    "delete from sessions.session_event where session_id = $1 and entry = 4",
    "ends at entry 4, its history at 3",
  ],
  [
    "a receipt that is gone",
    "update sessions.session_archive set receipts = '' where id = $1",
    "lacks the receipt of its entry 1",
  ],
  [
    "a revision that went back",
    "update sessions.session_archive set revision = 2 where id = $1",
    "is at revision 2, its history at 4",
  ],
  [
    "a session in two places",
    "insert into sessions.session select owner_id, id, flow, version, revision, state, receipts, entry, hash, ended_at, ended_at from sessions.session_archive where id = $1",
    "is active and archived",
  ],
  [
    "data that were changed",
    "update sessions.session_archive set state = jsonb_set(state::jsonb, '{data,amount,cents}', '1') where id = $1",
    "has other data than its history",
  ],
  [
    "a result that was changed",
    "update sessions.session_archive set state = jsonb_set(state::jsonb, '{result,reference}', '\"R-0\"') where id = $1",
    "has another result than its history",
  ],
  ["no row of its own", "delete from sessions.session_archive where id = $1", "is gone, and its history stays"],
])("S15: verify names the first session with %s", async ([, statement, says]) => {
  const { session, review } = await ada.untilReview();
  await ada.one(review);
  const tables = ["session_event", "session_archive", "session"];
  const kept = await Promise.all(tables.map((table) => pool.query(`select * from sessions.${table}`)));
  expect((await pool.query(statement, [session])).rowCount).toBe(1);
  expect((await verify(db)).broken).toEqual({ owner: "ada", session, reason: says });

  for (const [index, table] of tables.entries()) {
    await pool.query(`delete from sessions.${table}`);
    const rows = JSON.stringify(
      kept[index]!.rows.map((row: Record<string, unknown>) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [
            name,
            Buffer.isBuffer(value) ? `\\x${value.toString("hex")}` : value,
          ]),
        ),
      ),
    );
    await pool.query(
      `insert into sessions.${table} select * from json_populate_recordset(null::sessions.${table}, $1)`,
      [rows],
    );
  }
  expect((await verify(db)).broken).toBeNull();
});

test("S15: verify asks for no session of a month that a retention has dropped", async () => {
  const { session, review } = await ada.untilReview();
  await ada.one(review);
  const dropped = db.transaction().execute(async (tx) => {
    await tx.deleteFrom("session_archive").where("id", "=", session).execute();
    expect((await verify(tx)).broken).toMatchObject({ session, reason: "is gone, and its history stays" });
    expect((await verify(tx, { firstMonth: "2999-01" })).broken).toBeNull();
    throw new Error("Take it back.");
  });
  await expect(dropped).rejects.toThrow("Take it back.");
});

test("a database that does not answer is told in one sentence", async () => {
  const { code, stderr } = await sessions("--database-url", "postgres://nobody@127.0.0.1:1/none", "status");
  expect(code).toBe(1);
  expect(stderr.trim().split("\n")).toHaveLength(1);
  expect(stderr).toContain("does not answer");
});

test("submitted data appears in an export, and nowhere in what verify prints", async () => {
  const session = uuidv7();
  await ada.push(start(session, "notes"), submit(session, "left", { text: "typed by Ada" }));
  await pool.query(
    "update sessions.session_event set body = jsonb_set(body::jsonb, '{change,data,text}', '\"forged\"') where session_id = $1 and entry = 2",
    [session],
  );
  const { stdout, stderr } = await sessions("verify");
  expect(stdout).toContain(`Session ${session} has an entry 2 that was changed`);
  expect(stdout + stderr).not.toMatch(/Ada|forged/);
});
