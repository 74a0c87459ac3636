import { createHash } from "node:crypto";
import { Pool } from "pg";
import { afterAll, expect, test, vi } from "vitest";
import type { Bus, Notice } from "../../bus/bus.ts";
import { logFault } from "../../report.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";
import { OVERLAP_MS, GRACE_MS } from "../token/rotation.ts";
import { tokenText, type Token } from "../token/token.ts";
import type { SignInKeeper } from "./sign-in-keeper.ts";

const ROTATE_MS = 3_600_000;
const { pool: admin, url } = await freshDatabase();

/** Everything that leaves the keeper: statements and their values, notices, and what is logged. */
const sent: string[] = [];
const note = (value: unknown) =>
  void sent.push(
    JSON.stringify(value, (_, part: unknown) =>
      part instanceof Uint8Array ? Buffer.from(part).toString("hex") : part,
    ),
  );
const pool = new Pool({ connectionString: url });
pool.on("error", () => {});
pool.on("connect", (client) => {
  const query = client.query.bind(client) as (...given: unknown[]) => unknown;
  client.query = ((...given: unknown[]) => {
    note(given.filter((each) => typeof each !== "function"));
    return query(...given);
  }) as typeof client.query;
});
const bus: Bus = { open: () => () => Promise.resolve(), publish: (notice: Notice) => note(notice) };
const log = vi.spyOn(console, "error").mockImplementation((...line: unknown[]) => note(line));

let nowMs = Date.UTC(2026, 5, 1);
const node = testKeeper(pool, {
  bus,
  now: () => nowMs,
  elapsedMs: () => nowMs,
  rotateMs: ROTATE_MS,
  atMost: { perOwner: 2, beyond: "end-oldest" },
  report: logFault,
});
afterAll(async () => {
  await node.close();
  await pool.end();
});

const issued: Token[] = [];
const answers: unknown[] = [];

async function offered(token: Token): Promise<Token> {
  const checked = await node.check(token);
  if (checked.kind !== "live" || checked.offer === null) throw new Error("No secret was offered.");
  issued.push(checked.offer);
  return checked.offer;
}

/** Sign-ins with each way to begin, to go on and to end, and a fault. */
async function live(keeper: SignInKeeper): Promise<void> {
  const first = await signIn(keeper, "ada");
  issued.push(first.token);
  nowMs += ROTATE_MS;
  const [mine, stolen] = [await offered(first.token), await offered(first.token)];
  await keeper.check(mine);
  nowMs += OVERLAP_MS;
  await keeper.check(mine);
  const proved = await signIn(keeper, "ada", { current: first.signIn });
  issued.push(proved.token);
  await keeper.check(mine);
  for (let count = 0; count < 3; count += 1) issued.push((await signIn(keeper, "ada")).token);
  answers.push(await keeper.endOf(proved.token));

  const other = await signIn(keeper, "grace");
  issued.push(other.token);
  nowMs += ROTATE_MS;
  const next = await offered(other.token);
  await keeper.check(next);
  nowMs += OVERLAP_MS;
  await keeper.check(next);
  nowMs += GRACE_MS;
  await keeper.check(other.token);
  answers.push(await keeper.endOf(other.token));
  await keeper.check({ ...next, secret: stolen.secret });
  await admin.query("alter table sessions.sign_in rename to hidden");
  const failing = issued.at(-1)!;
  try {
    await keeper.check(failing);
  } catch (fault) {
    logFault(fault as Parameters<typeof logFault>[0]);
  }
  await admin.query("alter table sessions.hidden rename to sign_in");
  answers.push(await keeper.list("ada"), await keeper.history("ada"), await keeper.history("grace"));
  await keeper.endAll("ada");
}

/** A secret in each way in which bytes are written. */
const textsOf = (bytes: Uint8Array) =>
  (["hex", "base64", "base64url", "latin1"] as const).map((form) => Buffer.from(bytes).toString(form));

async function dump(): Promise<string> {
  const { rows: tables } = await admin.query<{ name: string }>(
    "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'sessions'",
  );
  const dumps = tables.map(({ name }) => admin.query(`select row_to_json(each)::text as row from ${name} as each`));
  return (await Promise.all(dumps)).flatMap(({ rows }) => rows.map(({ row }) => String(row))).join("\n");
}

/** The bytes of these that stand in the write-ahead log between two positions. */
async function inWal(from: string, to: string, searched: readonly Uint8Array[]): Promise<readonly string[]> {
  const { rows } = await admin.query<{ found: string }>(
    `with positions as (
       select $1::pg_lsn + 16777216 * step as lsn
       from generate_series(0, ceil(($2::pg_lsn - $1::pg_lsn) / 16777216)::int) as step),
     segments as (select distinct pg_walfile_name(least(lsn, $2::pg_lsn)) as name from positions),
     wal as materialized (select pg_read_binary_file('pg_wal/' || name) as bytes from segments)
     select distinct encode(searched, 'hex') as found
     from wal, unnest($3::bytea[]) as searched where position(searched in bytes) > 0`,
    [from, to, searched.map((bytes) => Buffer.from(bytes))],
  );
  return rows.map(({ found }) => found);
}

test("S18: no secret and no id of a token is stored, logged, listed or sent in a notice", async () => {
  await node.migrate();
  const lsn = async () =>
    (await admin.query<{ lsn: string }>("select pg_current_wal_insert_lsn()::text as lsn")).rows[0]!.lsn;
  const before = await lsn();
  await live(node);
  const after = await lsn();
  expect(log).toHaveBeenCalled();
  log.mockRestore();

  expect(issued.length).toBeGreaterThan(8);
  const bytes = issued.flatMap(({ id, secret }) => [secret, Buffer.from(id, "base64url")]);
  const texts = [...bytes.flatMap(textsOf), ...issued.map(tokenText)];
  const hashes = issued.flatMap(({ secret }) => textsOf(createHash("sha256").update(secret).digest()));
  const tables = await dump();
  const leaves = { sent: sent.join("\n"), tables, answers: JSON.stringify(answers) };
  for (const [place, text] of Object.entries(leaves)) {
    expect(
      texts.filter((secret) => text.includes(secret)),
      place,
    ).toEqual([]);
  }
  // The search finds what is there: only the tables have the hash of a secret.
  expect(hashes.some((hash) => tables.includes(hash))).toBe(true);
  expect(hashes.filter((hash) => leaves.answers.includes(hash))).toEqual([]);

  const { rows } = await admin.query<{ may: boolean }>("select pg_has_role('pg_read_server_files', 'usage') as may");
  if (!rows[0]!.may) return;
  const known = createHash("sha256").update(issued[0]!.secret).digest();
  const searched = [...bytes, ...bytes.map((each) => Buffer.from(Buffer.from(each).toString("base64url"))), known];
  expect(await inWal(before, after, searched)).toEqual([known.toString("hex")]);
});
