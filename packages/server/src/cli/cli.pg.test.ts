import { readFileSync } from "node:fs";
import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { start, submit } from "../testing/bank.ts";
import { databaseOfAda, sessionsOn } from "../testing/cli.ts";

const { pool, url, ada, month, sessions } = await databaseOfAda();

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

test("what is wrong with a database is told in one sentence", async () => {
  const missing = new URL(url);
  missing.pathname = "/none";
  const told = await Promise.all([
    sessionsOn(missing.href, "status"),
    sessionsOn("postgres://nobody:hidden@127.0.0.1:1/none", "sweep"),
    sessionsOn("postgres://ada:hidden#/hidden@127.0.0.1/none", "migrate"),
    // The program does not print a URL that stands in the wrong place.
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
  const commands = ["migrate", "status", "sweep", "partitions", "export", "verify", "sign-ins list", "sign-ins revoke"];
  const helps = await Promise.all(commands.map((command) => sessions(...command.split(" "), "--help")));
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

test.each([
  { option: "--express-session", table: "web_session_migration", names: ["0001_web_sessions"] },
  { option: "--projections", table: "projection_migration", names: ["0001_projections"] },
  { option: "--activity", table: "activity_migration", names: ["0001_projections", "0001_activity"] },
  { option: "--funnels", table: "funnel_migration", names: ["0001_projections", "0001_funnels"] },
  { option: "--dashboard", table: "dashboard_migration", names: ["0001_dashboard"] },
])("migrate $option makes the tables, and then a plain migrate looks after them", async ({ option, table, names }) => {
  const schema = `with_${table}`;
  const ran = async (...words: readonly string[]) =>
    JSON.parse((await sessions("migrate", "--schema", schema, "--json", ...words)).stdout) as { migrations: string[] };
  await ran();
  const { migrations } = await ran("--dry-run", option);
  expect(migrations.filter((name) => name.startsWith("0001"))).toEqual(names);
  expect(await ran(option)).toEqual({ dryRun: false, migrations });
  await pool.query(`delete from ${schema}.${table}`);
  expect((await ran("--dry-run")).migrations).toContain(names.at(-1));
});

test("submitted data appears in an export, and nowhere in what verify prints", async () => {
  const session = uuidv7();
  await ada.push(start(session, "notes"), submit(session, "left", { text: "typed by Ada" }));
  await pool.query(
    "update sessions.session_event set content = jsonb_set(content::jsonb, '{data,text}', '\"forged\"') where session_id = $1 and entry = 2",
    [session],
  );
  const { stdout, stderr } = await sessions("verify");
  expect(stdout).toContain(`Session ${session} has an entry 2 whose content was changed`);
  expect(stdout + stderr).not.toMatch(/Ada|forged/);
});

test("keys generate prints another key each time, and needs no database", async () => {
  const one = await sessions("keys", "generate");
  const other = JSON.parse((await sessions("--json", "keys", "generate")).stdout) as { readonly key: string };
  expect(one).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[\w-]{43}\n$/) });
  expect(other.key).toMatch(/^[\w-]{43}$/);
  expect(one.stdout.trim()).not.toBe(other.key);
});
