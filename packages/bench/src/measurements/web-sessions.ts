import connectPgSimple from "connect-pg-simple";
import expressSession from "express-session";
import type { Pool } from "pg";
import { SessionsStore } from "@sessions/server/express-session";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { median } from "../report/statistics.ts";
import { compareVariants, medianOf, throughput } from "../rounds.ts";
import { POOL_SIZE, type DurablePostgres } from "../servers/database.ts";
import { countStatements } from "../servers/statement-count.ts";

const SESSIONS = 10_000;
const ADOPTED = 100_000;
const CALLERS = 64;
/** The callers whose requests go on while a table is adopted. */
const ADOPTION_CALLERS = 8;
const AGE_MS = 20 * 60_000;

/** The calls of a store that a request makes. */
interface Store {
  get(sid: string, callback: (error: unknown, session?: never) => void): unknown;
  touch(sid: string, session: object, callback: (error?: unknown) => void): unknown;
  set(sid: string, session: object, callback: (error?: unknown) => void): unknown;
}

const PgStore = connectPgSimple(expressSession);
/** The types of connect-pg-simple want all that express-session adds to a session. It stores any JSON. */
const createPgStore = (options: ConstructorParameters<typeof PgStore>[0]) => new PgStore(options) as unknown as Store;
const expires = () => new Date(Date.now() + AGE_MS).toISOString();
const cookie = () => ({ originalMaxAge: AGE_MS, expires: expires(), httpOnly: true, path: "/" });

/** 10: requests that read their session and touch it, and the adoption of a table. */
export async function measureWebSessions(
  postgres: DurablePostgres,
  { rounds, roundMs }: BenchmarkSize,
): Promise<Measurement> {
  const { pool } = await postgres.create("web_sessions");
  await createOldTable(pool, "session");
  const old = createPgStore({ pool, pruneSessionInterval: false });
  const options = { database: pool, sweeps: false };
  const always = new SessionsStore({ ...options, namespace: "always", touchEveryMs: 0 });
  const windowed = new SessionsStore({ ...options, namespace: "windowed" });
  for (const store of [old, always, windowed]) await fill(store);

  const statements = countStatements();
  const usages = new Map<string, Usage[]>();
  const variant = (what: string, store: Store) => ({
    what,
    at: CALLERS,
    unit: "requests/s",
    round: async () => {
      const [before, sentBefore] = [process.cpuUsage(), statements.count()];
      let calls = 0;
      const rate = await throughput(CALLERS, roundMs, async () => {
        await request(store);
        calls += 1;
      });
      const { user, system } = process.cpuUsage(before);
      const usage = { microseconds: (user + system) / calls, statements: (statements.count() - sentBefore) / calls };
      usages.set(what, [...(usages.get(what) ?? []), usage]);
      return rate;
    },
  });
  const names = ["connect-pg-simple", "SessionsStore, each touch is written", "SessionsStore"] as const;
  const rows = await compareVariants(
    [variant(names[0], old), variant(names[1], always), variant(names[2], windowed)],
    rounds,
  );
  statements.stop();
  await Promise.all([always.close(), windowed.close()]);
  const heapOnly = await heapOnlyShare(pool);
  const usageRows = names.flatMap((what) => {
    // The first round compiles, and fills caches.
    const counted = usages.get(what)!.slice(1);
    const row = (unit: string, rounds: readonly number[]) => ({
      what,
      at: CALLERS,
      unit,
      median: median(rounds),
      rounds,
    });
    return [
      row(
        "µs",
        counted.map(({ microseconds }) => microseconds),
      ),
      row(
        "statements",
        counted.map(({ statements: sent }) => Math.round(sent * 1_000) / 1_000),
      ),
    ];
  });
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) rates.push(await adoptionRate(pool, round));
  const adopted = { what: "sessions adopted under traffic", at: null, unit: "rows/s", rounds: rates };
  const adoptedRate = rates.toSorted((a, b) => a - b)[Math.floor(rates.length / 2)]!;
  const ratio = (what: string) => medianOf(rows, what, CALLERS) / medianOf(rows, names[0], CALLERS);
  return {
    name: "web-sessions",
    title: "Sessions of express-session",
    how:
      `Each request reads one of ${SESSIONS} sessions and touches it, as express-session does. ${CALLERS} requests run at a time, in ` +
      "one process, without HTTP. The microseconds are the processor time of this process for a request. They do not include " +
      `the time of Postgres. A table of ${ADOPTED} sessions is adopted while ${ADOPTION_CALLERS} callers go on with requests of an ` +
      "old node, which is connect-pg-simple.",
    rows: [...rows, ...usageRows, { ...adopted, median: adoptedRate }],
    ratios: [
      { what: "the store, each touch written ÷ connect-pg-simple", value: ratio(names[1]), target: { atLeast: 1 } },
      { what: "the store, by default ÷ connect-pg-simple", value: ratio(names[2]), target: { atLeast: 5 } },
      {
        what: "processor time: connect-pg-simple ÷ the store, each touch written",
        value: medianOf(usageRows, names[0], CALLERS) / medianOf(usageRows, names[1], CALLERS),
      },
      {
        what: "processor time: connect-pg-simple ÷ the store, by default",
        value: medianOf(usageRows, names[0], CALLERS) / medianOf(usageRows, names[2], CALLERS),
      },
      { what: "heap-only share of the store's updates", value: heapOnly * 100, unit: "%" },
      { what: "sessions adopted under traffic", value: adoptedRate, unit: "rows/s", target: { atLeast: 10_000 } },
    ],
  };
}

/** What a request costs the process. */
interface Usage {
  readonly microseconds: number;
  readonly statements: number;
}

async function heapOnlyShare(pool: Pool): Promise<number> {
  // Each connection has counts that it has not told yet.
  await Promise.all(Array.from({ length: POOL_SIZE }, () => pool.query("select pg_stat_force_next_flush()")));
  const { rows } = await pool.query<{ share: number }>(
    "select n_tup_hot_upd::float8 / n_tup_upd as share from pg_stat_user_tables where relname = 'web_session'",
  );
  return rows[0]!.share;
}

async function createOldTable(pool: Pool, table: string): Promise<void> {
  await pool.query(`create table ${table} (sid varchar primary key, sess json not null, expire timestamp(6) not null)`);
  await pool.query(`create index on ${table} (expire)`);
}

async function fill(store: Store): Promise<void> {
  for (let from = 0; from < SESSIONS; from += CALLERS) {
    await Promise.all(Array.from({ length: CALLERS }, (_, index) => write(store, `sid${from + index}`)));
  }
}

function write(store: Store, sid: string): Promise<void> {
  const session = { cookie: cookie(), user: { id: sid, roles: ["reader"], theme: "dark" }, cart: ["tea", "milk"] };
  return new Promise((resolve, reject) => {
    store.set(sid, session, (error) => (error ? reject(error) : resolve()));
  });
}

let next = 0;

/** A request of express-session that changes nothing. */
function request(store: Store): Promise<void> {
  const sid = `sid${((next += 1) * 7_919) % SESSIONS}`;
  return new Promise((resolve, reject) => {
    store.get(sid, (error, session?: { cookie: object }) => {
      // The store calls back with an error or with nothing.
      if (error || !session) return reject((error as Error | null) ?? new Error(`${sid} is gone.`));
      Object.assign(session.cookie, { expires: expires() });
      store.touch(sid, session, (failed) => (failed ? reject(failed) : resolve()));
    });
  });
}

/** How many sessions of a table are copied in a second, while an old node goes on. */
async function adoptionRate(pool: Pool, round: number): Promise<number> {
  const table = `adopted_${round}`;
  await createOldTable(pool, table);
  await pool.query(
    `insert into ${table} select 'sid' || n, json_build_object('cookie', $1::json, 'user', n, 'cart', array['tea', 'milk']),
      localtimestamp + interval '1 hour' from generate_series(0, $2::integer - 1) as n`,
    [JSON.stringify(cookie()), ADOPTED],
  );
  const old = createPgStore({ pool, tableName: table, pruneSessionInterval: false });
  const node = new SessionsStore({ database: pool, namespace: table, adopt: { table }, sweeps: false });
  let isRunning = true;
  const traffic = Array.from({ length: ADOPTION_CALLERS }, async () => {
    while (isRunning) await request(old);
  });
  const startedMs = performance.now();
  const copied = await node.adopt();
  const tookMs = performance.now() - startedMs;
  isRunning = false;
  await Promise.all(traffic);
  await node.close();
  if (copied !== ADOPTED) throw new Error(`${copied} sessions were copied.`);
  return (copied * 1_000) / tookMs;
}
