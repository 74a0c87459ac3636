import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { repetitions } from "../../../../scripts/repetitions.ts";
import type { Tables } from "../flows/rows/tables.ts";
import { verifySession } from "../flows/verification/verify.ts";
import { createKysely } from "../postgres/database.ts";
import { cancel, createBank, createLedger, draft, start, submit, TestClient, type LedgerRow } from "../testing/bank.ts";
import { ending, program, sessionsWith } from "../testing/cli.ts";
import { proxied } from "../testing/connections/tcp-proxy.ts";
import { Caller, type Answered } from "../testing/crash/caller.ts";
import { breaches } from "../testing/crash/checker.ts";
import { Fleet } from "../testing/crash/fleet.ts";
import { eventually } from "../testing/eventually.ts";
import { startPostgres } from "../testing/embedded/postgres-server.ts";
import { Random } from "../testing/random.ts";
import { keysFromEnvironment } from "./environment-keys.ts";
import { generateKey, keyId } from "./key-ring.ts";
import { OwnerKeys } from "./owner-keys.ts";

// `sessions keys rotate` and `sessions erase` are processes of their own, behind a proxy that counts their statements. At
// one of them the process is killed, or Postgres is. Server processes go on writing meanwhile.

/** Of each of the two commands. */
const ROUNDS = repetitions({ few: 2, many: 25 });
/** After so many rounds the answers of all writers are compared with all rows. */
const CHECKED_ROUNDS = repetitions({ few: 1, many: 5 });
/** More than two pages of a rotation. */
const OWNERS = 450;
const SESSIONS = 30;

/** The first one wraps the keys of new owners. Rotations wrap with the others, in turn. */
const keys = Array.from({ length: 4 }, generateKey) as [string, ...string[]];
const idOf = (key: string) => keyId(Buffer.from(key, "base64url"));
const server = await startPostgres();
const { proxy, url } = await proxied(server.url);
const pool = new Pool({ connectionString: server.url });
pool.on("error", () => {});
pool.on("connect", (client) => client.on("error", () => {}));
const provider = keysFromEnvironment(keys.join());
const node = createBank(pool, { keys: provider, encrypt: "all", sweeps: false });
const db = createKysely<Tables>(pool).withSchema("sessions");
const fleet = new Fleet(server.url, "server-process.ts", { SESSIONS_KEYS: keys.join() });
const log: Answered[] = [];

beforeAll(async () => {
  await node.migrate();
  await createLedger(pool);
  await fleet.start(2);
  const silent = new OwnerKeys({ db: createKysely(pool), schema: "sessions", provider, now: Date.now });
  await Promise.all(Array.from({ length: OWNERS }, (_, nth) => silent.ensure(`silent ${nth}`)));
}, 120_000);
afterAll(async () => {
  await fleet.close();
  await proxy.close();
  await pool.end();
  await server.stop();
});

/** Where a command dies: at its statement of this number, by the end of this process. */
interface Death {
  readonly statement: number;
  readonly of: "command, before it" | "command, after it" | "Postgres";
}

/** Runs the command as a process. Gives its exit code, null if it was killed, and how many statements it sent. */
async function run(key: string, words: readonly string[], death?: Death) {
  const env = { ...process.env, DATABASE_URL: url, SESSIONS_KEYS: [key, ...keys].join() };
  const child = spawn(process.execPath, ["--conditions=@sessions/source", program, ...words], { env });
  const exited = once(child, "exit");
  let statements = 0;
  proxy.onSent = async () => {
    statements += 1;
    if (statements !== death?.statement) return;
    if (death.of === "Postgres") {
      await server.kill();
      await server.restart();
    } else if (death.of === "command, after it") setImmediate(() => child.kill("SIGKILL"));
    else {
      child.kill("SIGKILL");
      await exited;
    }
  };
  const { code, stderr } = await ending(child);
  return { code, stderr, statements };
}

/** Runs work while two owners write, each from two devices. */
async function underLoad<T>(round: number, work: () => Promise<T>): Promise<T> {
  const calling = new AbortController();
  onTestFinished(() => calling.abort());
  const writing = [0, 1, 2, 3].map((device) => {
    const owner = `writer ${round} ${device % 2}`;
    const shared = `${uuidv7().slice(0, -12)}${String(round * 2 + (device % 2)).padStart(12, "0")}`;
    const random = new Random(round * 4 + device);
    return new Caller({ owner, shared, urls: () => fleet.urls, log, random }).run(calling.signal);
  });
  await sleep(50);
  try {
    return await work();
  } finally {
    calling.abort();
    await Promise.all(writing);
  }
}

async function expectWhole(): Promise<void> {
  const { rows: ledger } = await pool.query<LedgerRow>("select session_id, owner from ledger");
  // A new cipher for each look: nothing is in memory.
  const { opener } = createBank(pool, { keys: provider, encrypt: "read", sweeps: false });
  expect(await breaches({ db, ledger, log, atMost: 20, cipherOf: opener.cipherOf })).toEqual([]);
}

const deaths = ["command, before it", "command, after it", "Postgres"] as const;

/** The death of a round: the rounds together reach each part of a command. */
const deathAt = (round: number, statements: number, first: number): Death => ({
  statement: 1 + Math.floor(((round + 0.5) / ROUNDS) * statements),
  of: deaths[(round + first) % deaths.length]!,
});

/** Runs the command until it dies, and again until it ends. `between` looks at what the first run has left. */
async function killed(
  key: string,
  words: readonly string[],
  death: Death,
  between: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await run(key, words, death);
  await between();
  for (let tries = 0; ; tries += 1) {
    const { code, stderr } = await run(key, words);
    if (code === 0) return;
    // Postgres may still be recovering.
    if (tries === 5) throw new Error(stderr);
  }
}

const timeout = repetitions({ few: 120_000, many: 900_000 });

test(
  "a rotation that is killed at any statement, or whose Postgres is, loses nothing while all write",
  { timeout },
  async () => {
    const targets = keys.slice(1);
    const { statements } = await run(targets.at(-1)!, ["keys", "rotate"]);
    expect(statements).toBeGreaterThan(7);
    for (let round = 0; round < ROUNDS; round += 1) {
      const key = targets[round % targets.length]!;
      const death = deathAt(round, statements, 0);
      await underLoad(round, () => killed(key, ["keys", "rotate"], death));
      const { rows } = await pool.query<{ id: string }>("select distinct key_id as id from sessions.owner_key");
      const known = [idOf(keys[0]), idOf(key)];
      expect(
        rows.filter(({ id }) => !known.includes(id)),
        JSON.stringify(death),
      ).toEqual([]);
      if ((round + 1) % CHECKED_ROUNDS === 0) await expectWhole();
      const { stdout } = await sessionsWith({ databaseUrl: server.url, keys: `${key},${keys[0]}` }, "keys", "status");
      expect(stdout).not.toContain("missing");
    }
  },
);

test(
  "S24: an erasure that is killed at any statement, or whose Postgres is, ends when it runs again, while all write",
  { timeout },
  async () => {
    await fill("victim");
    const { code, statements } = await run(keys[0], ["erase", "victim", "--yes"]);
    expect(code).toBe(0);
    expect(statements).toBeGreaterThan(30);
    for (let round = 0; round < ROUNDS; round += 1) {
      const victim = `victim ${round}`;
      await fill(victim);
      const death = deathAt(round, statements, 2);
      const half = () => eventually(async () => expect(await brokenOf(victim), JSON.stringify(death)).toEqual([]));
      await underLoad(ROUNDS + round, () => killed(keys[0], ["erase", victim, "--yes"], death, half));
      expect(await leftOf(victim), JSON.stringify(death)).toEqual({
        sessions: 0,
        ended: 0,
        entries: 0,
        devices: 0,
        keys: 0,
        counted: 10,
        tombstones: 1,
      });
      expect(await new TestClient(node, victim).list()).toMatchObject({ active: [], ended: [] });
      if ((round + 1) % CHECKED_ROUNDS === 0) await expectWhole();
    }
  },
);

/** Active sessions with drafts, and ended ones. */
async function fill(owner: string): Promise<void> {
  const client = new TestClient(node, owner, "Canary phone");
  const sessions = Array.from({ length: SESSIONS }, () => uuidv7());
  await client.push(...sessions.map((session) => start(session, "notes")));
  const ended = sessions.slice(0, 10);
  await client.push(...ended.flatMap((session) => [submit(session, "left", { text: "Canary" }), cancel(session)]));
  await client.push(...sessions.slice(10, 20).map((session) => draft(session, "left", "text", "Canary")));
}

/** The sessions of an owner that are not whole, and the histories without a session. Postgres may still be recovering. */
async function brokenOf(owner: string): Promise<readonly string[]> {
  const { opener } = createBank(pool, { keys: provider, encrypt: "read", sweeps: false });
  const { rows } = await pool.query<{ id: string; there: boolean }>(
    `with kept as (
      select id from sessions.session where owner_id = $1
      union all select id from sessions.session_archive where owner_id = $1
    ) select id::text, true as there from kept
    union all select distinct session_id::text, false from sessions.session_event
      where owner_id = $1 and session_id not in (select id from kept)`,
    [owner],
  );
  const broken: string[] = [];
  for (const { id, there } of rows) {
    const problem = there ? await verifySession(db, owner, id, opener.cipherOf) : "has no session";
    if (problem !== null) broken.push(`${id} ${problem}`);
  }
  return broken;
}

async function leftOf(owner: string) {
  const count = (table: string, condition = "true") =>
    `(select count(*)::integer from sessions.${table} where owner_id = $1 and ${condition})`;
  const { rows } = await pool.query(
    `select ${count("session")} as sessions, ${count("session_archive")} as ended, ${count("session_event")} as entries,
      ${count("device")} as devices, ${count("owner_key", "data is not null")} as keys,
      ${count("erased_session")} as counted, ${count("erasure")} as tombstones`,
    [owner],
  );
  return rows[0] as unknown;
}
