import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { kyselyOver } from "../postgres/database.ts";
import { cancel, createBank, createLedger, start, submit, Teller } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { verify } from "../flows/verify.ts";
import { Interrupted } from "./exit-code.ts";
import { runCli } from "./program.ts";

const { pool, url } = await freshDatabase();
const db = kyselyOver(pool).withSchema("sessions");
const program = fileURLToPath(new URL("cli.ts", import.meta.url));

interface Told {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What the program says and how it ends, in this process. */
function sessions(...words: readonly string[]): Promise<Told> {
  return sessionsOn(url, ...words);
}

async function sessionsOn(databaseUrl: string, ...words: readonly string[]): Promise<Told> {
  let [stdout, stderr] = ["", ""];
  const code = await runCli(words, {
    databaseUrl,
    stop: new AbortController().signal,
    write: async (text) => void (stdout += text),
    writeError: (text) => (stderr += text),
    isWatched: false,
  });
  return { code, stdout, stderr };
}

/** The program as a process of its own. */
function begin(...words: readonly string[]) {
  const env = { ...process.env, DATABASE_URL: url };
  return spawn(process.execPath, ["--conditions=@sessions/source", program, ...words], { env });
}

/** How a process ends, and what it says until then. */
async function ending(child: ReturnType<typeof begin>): Promise<Told> {
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  const [code] = (await once(child, "close")) as [number];
  return { code, stdout, stderr };
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
  const says = 'The schema "elsewhere" lacks tables of this version: run `sessions migrate --schema elsewhere`.\n';
  expect({ code, stderr }).toEqual({ code: 1, stderr: says });
});

test("status counts what is active, due and ended", async () => {
  const { code, stdout } = await sessions("status");
  expect(code).toBe(0);
  const { rows } = await pool.query<{ entries: string }>("select count(*) as entries from sessions.session_event");
  expect(stdout.split("\n")).toEqual([
    "Active sessions     1, of which 1 are due to be swept",
    "Ended sessions      4",
    `History entries     ${rows[0]!.entries}`,
    expect.stringMatching(/^Partitions          2024-01 to \d{4}-\d{2}$/),
    "",
  ]);
  const json = JSON.parse((await sessions("status", "--json")).stdout) as object;
  expect(json).toMatchObject({ schema: "sessions", active: 1, due: 1, ended: { rows: 4, exact: true } });
});

test("sweep ends what is due, and verify finds everything whole", async () => {
  expect(await sessions("sweep", "--dry-run")).toMatchObject({ code: 0, stdout: "Would end 1 session.\n" });
  expect(await sessions("sweep")).toMatchObject({ code: 0, stdout: "Ended 1 session.\n" });
  expect(await sessions("--json", "sweep")).toMatchObject({ code: 0, stdout: '{"dryRun":false,"ended":0}\n' });
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
  expect(await sessions("export", "2023-13")).toMatchObject({ code: 2, stderr: expect.stringContaining("2026-11") });
});

test("an export of a month that is not there says which are", async () => {
  const { code, stdout, stderr } = await sessions("export", "1999-12");
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^There is no month 1999-12: there are 2024-01 to \d{4}-\d{2}\.\n$/);
});

test("partitions lists months, and drops only what a retention no longer keeps", async () => {
  const { code, stderr } = await sessions("partitions", "--keep", "soon");
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('from "1 month" to "9999 months"') });
  const dry = await sessions("partitions", "--ahead", "6", "--keep", "1 month", "--dry-run");
  expect(dry.stdout).toMatch(/^Would make session_archive_\d{4}_\d{2}$/m);
  expect(dry.stdout).toContain("Would drop session_archive_2024_01  1 rows");
  const { stdout } = await sessions("partitions", "--ahead", "6", "--keep", "12 months");
  expect(stdout).toMatch(/^Made session_archive_\d{4}_\d{2}$/m);
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

test("what is wrong with a database is told in one sentence", async () => {
  const missing = new URL(url);
  missing.pathname = "/none";
  const told = await Promise.all([
    sessionsOn(missing.href, "status"),
    sessionsOn("postgres://nobody:hidden@127.0.0.1:1/none", "sweep"),
    sessionsOn("postgres://ada:hidden#/hidden@127.0.0.1/none", "migrate"),
    // In the wrong place it is not repeated.
    sessions("postgres://ada:hidden@127.0.0.1/none", "status"),
  ]);
  expect(told.map(({ code, stderr }) => [code, stderr])).toEqual([
    [1, "The database does not exist (3D000): create it, or name another in its URL.\n"],
    [1, "The database does not answer (ECONNREFUSED): look at its address, and whether it runs.\n"],
    [2, expect.stringMatching(/^The database's URL cannot be read\. [^\n]*\n$/)],
    [2, expect.stringMatching(/^error: [^\n]*\n$/)],
  ]);
  expect(JSON.stringify(told)).not.toContain("hidden");
});

test("every command has help that names its options, and --version says the package's", async () => {
  const commands = ["migrate", "status", "sweep", "partitions", "export", "verify"];
  const helps = await Promise.all(commands.map((command) => sessions(command, "--help")));
  for (const { code, stdout } of helps)
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("--json") });
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(manifest) as { version: string };
  expect(await sessions("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  expect(await sessions("sweep", "--fast")).toMatchObject({ code: 2, stdout: "" });
});

test("migrate says what it would run, and runs it", async () => {
  const other = ["--schema", "another"];
  expect(await sessions("migrate", "--dry-run", ...other)).toMatchObject({ stdout: "Would run 0001_sessions\n" });
  expect(await sessions("migrate", "--json", ...other)).toMatchObject({
    stdout: '{"dryRun":false,"migrations":["0001_sessions"]}\n',
  });
  expect(await sessions("migrate", "--dry-run", ...other)).toMatchObject({ stdout: "The database is up to date.\n" });
});

test("as a process it says the same, and ends with the same code", async () => {
  const withoutPassword = new URL(url);
  withoutPassword.password = "";
  const [status, locked, missing, unreadable] = await Promise.all([
    ending(begin("status", "--json")),
    ending(begin("status", "--database-url", withoutPassword.href)),
    ending(begin("export", "1999-12")),
    ending(begin("status", "--database-url", "postgres://ada:hidden#/hidden@127.0.0.1/none")),
  ]);
  expect(status).toEqual(await sessions("status", "--json"));
  // A Postgres that is given may ask for no password.
  if (!process.env["DATABASE_URL"]) expect(locked.stderr).toContain("refuses the user or the password");
  expect(missing).toEqual(await sessions("export", "1999-12"));
  expect(unreadable.code).toBe(2);
  expect(unreadable.stderr).toMatch(/^The database's URL cannot be read\. [^\n]*\n$/);
});

test("whoever stops reading ends an export quietly", async () => {
  const child = begin("export", month);
  child.stdout.destroy();
  expect(await ending(child)).toEqual({ code: 141, stdout: "", stderr: "" });
});

test("Ctrl-C ends a command that waits, with one sentence", async () => {
  // It takes connections, and says nothing.
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const child = begin("status", "--database-url", `postgres://ada:hidden@127.0.0.1:${port}/none`);
  const [socket] = (await once(silent, "connection")) as [Socket];
  child.kill("SIGINT");
  const told = await ending(child);
  socket.destroy();
  expect(told).toEqual({ code: 130, stdout: "", stderr: expect.stringMatching(/^Interrupted\. [^\n]*\n$/) });
});

test("Ctrl-C ends a long command between two of its pages, and says how far it came only to somebody who watches", async () => {
  const stop = new AbortController();
  let stderr = "";
  const code = await runCli(["verify"], {
    databaseUrl: url,
    stop: stop.signal,
    write: () => Promise.resolve(),
    writeError(text) {
      stderr += text;
      stop.abort(new Interrupted(130));
    },
    isWatched: true,
  });
  expect(code).toBe(130);
  const [none, shown, cleared] = stderr.split("\r\u001b[K");
  expect([none, shown]).toEqual(["", expect.stringMatching(/^\d+ sessions$/)]);
  expect(cleared).toMatch(/^Interrupted\. [^\n]*\n$/);
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
