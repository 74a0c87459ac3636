import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Client, type Pool } from "pg";
import { postgresBus } from "@sessions/server";
import { createSignIns, type SignIns, type SignInsOptions } from "@sessions/server/sign-in";
import type { BenchmarkSize, Measurement } from "../../report/result.ts";
import { median } from "../../report/statistics.ts";
import type { DurablePostgres } from "../../servers/database.ts";
import { directCall } from "../../servers/direct-call.ts";
import { ourIdentity } from "../../servers/identity-checks.ts";
import { countStatements } from "../../servers/statement-count.ts";

const MINUTE_MS = 60_000;
const SIGN_INS = 10_000;
const REQUESTS = 1_000_000;
const CALLERS = 64;
/** How long a backend of Postgres may hold back its counts, in milliseconds. */
const COUNTS_MS = 11_000;
/** Room for all sign-ins and hardly more, so that the cache's own lists are counted for them. */
const CACHE_BYTES = SIGN_INS * 360;

/** 9: what requests of signed-in people write, what a cached sign-in takes, and how fast an end is heard of. */
export async function measureSignInWrites(postgres: DurablePostgres, { rounds }: BenchmarkSize): Promise<Measurement> {
  const { pool, url } = await postgres.create("sign_in_writes");
  let nowMs = Date.now();
  const create = (options: Partial<SignInsOptions> = {}) =>
    createSignIns({
      database: pool,
      bus: postgresBus({ client: () => new Client({ connectionString: url }) }),
      sweeps: false,
      now: () => nowMs,
      ...options,
    });
  const node = create();
  await node.migrate();
  const beganMs = nowMs;
  // They begin over a minute. So their touches are due over a minute, and not all at once.
  const { signIn, handler } = ourIdentity(node);
  const cookies: string[] = [];
  for (let part = 0; part < 100; part += 1) {
    nowMs = beganMs + (MINUTE_MS * part) / 100;
    cookies.push(...(await signIn(SIGN_INS / 100)));
  }

  const bytes = await bytesOfCached(cookies, (cacheBytes) => create({ cacheBytes }));
  const written = await countWrites(
    pool,
    async () => {
      const startedMs = Date.now();
      let asked = 0;
      const ask = async () => {
        for (let own = 1; asked < REQUESTS; own += 1) {
          asked += 1;
          // The clock of the sign-ins: a minute from the first request to the last.
          nowMs = beganMs + MINUTE_MS + Math.floor((MINUTE_MS * asked) / REQUESTS);
          const { req, res } = directCall({ cookie: cookies[(asked * 7_919) % SIGN_INS]! });
          await handler(req, res);
          // Timers and Postgres have their turn when all callers wait.
          if (own % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await Promise.all(Array.from({ length: CALLERS }, ask));
      return Date.now() - startedMs;
    },
    () => node.close(),
  );
  const other = create({ now: Date.now });
  const heardMs = await revocations(create({ now: Date.now }), other, 20 * rounds);

  const row = (what: string, unit: string, value: number) => ({ what, at: null, unit, median: value, rounds: [value] });
  return {
    name: "sign-in-writes",
    title: "What signed-in people write",
    how:
      "A million requests of ten thousand sign-ins, in a minute of the clock that the sign-ins have. Touches are collected for a " +
      "second of real time, so a slower machine sends more statements. Postgres counts the rows. We measure the used memory, after " +
      "a collection, of a node that caches ten thousand sign-ins. We subtract the memory of a node that caches none. " +
      "The time of a revocation begins with its call on one node, and ends with the first request that a second node refuses. " +
      "Both nodes are in one process, and hear of each other over Postgres.",
    rows: [
      row("touched rows", "rows", written.rows),
      row("statements that touch", "statements", written.statements),
      row("heap-only touches", "%", written.heapOnly),
      row("the million requests took", "s", written.tookMs / 1_000),
      row("a cached sign-in", "bytes", bytes),
      { what: "revocation on another node", at: null, unit: "ms", median: median(heardMs), rounds: heardMs },
    ],
    ratios: [
      { what: "rows that a million requests touch", value: written.rows, target: { atMost: SIGN_INS } },
      { what: "statements that touch them", value: written.statements, target: { atMost: 100 } },
      { what: "heap-only touches", value: written.heapOnly, unit: "%", target: { atLeast: 99 } },
      { what: "memory of a cached sign-in", value: bytes, unit: "bytes", target: { atMost: 400 } },
      { what: "revocation on another node, median", value: median(heardMs), unit: "ms", target: { atMost: 100 } },
    ],
  };
}

async function countWrites(pool: Pool, work: () => Promise<number>, close: () => Promise<void>) {
  const read = async () => {
    await new Promise((resolve) => setTimeout(resolve, COUNTS_MS));
    const { rows } = await pool.query<{ updates: string; hot: string }>(
      "select n_tup_upd as updates, n_tup_hot_upd as hot from pg_stat_user_tables where relname = 'sign_in'",
    );
    return { updates: Number(rows[0]!.updates), hot: Number(rows[0]!.hot) };
  };
  const before = await read();
  const statements = countStatements(/update\s+"sessions"\."sign_in"/);
  const tookMs = await work();
  await close();
  statements.stop();
  const after = await read();
  const rows = after.updates - before.updates;
  return { rows, statements: statements.count(), heapOnly: (100 * (after.hot - before.hot)) / rows, tookMs };
}

/** How much more memory a node takes that has cached all of them than one that caches nothing, for each. */
async function bytesOfCached(cookies: readonly string[], create: (cacheBytes: number) => SignIns): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const used = () => {
    collect();
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const askAll = async (signIns: SignIns, asked: readonly string[]) => {
    const { handler } = ourIdentity(signIns);
    for (const cookie of asked) {
      const { req, res } = directCall({ cookie });
      await handler(req, res);
    }
  };
  const memoryOf = async (cacheBytes: number, asked: readonly string[]) => {
    const before = used();
    const signIns = create(cacheBytes);
    await askAll(signIns, asked);
    const bytes = used() - before;
    const statements = countStatements(/from "sessions"\."sign_in" where/);
    if (cacheBytes > 0) await askAll(signIns, asked);
    statements.stop();
    if (statements.count() > 0) throw new Error(`${statements.count()} sign-ins were not cached.`);
    await signIns.close();
    return bytes;
  };
  // The first node compiles its code.
  await memoryOf(0, cookies.slice(0, 1_000));
  const none = await memoryOf(0, cookies.slice(0, 1_000));
  return ((await memoryOf(CACHE_BYTES, cookies)) - none) / cookies.length;
}

/** The times from revocations on one node to the first request that the other refuses, in milliseconds. */
async function revocations(one: SignIns, other: SignIns, count: number): Promise<readonly number[]> {
  const identity = ourIdentity(one);
  const times: number[] = [];
  for (let done = 0; done < count; done += 1) {
    const [cookie] = await identity.signIn(1);
    const headers = new Headers({ cookie: cookie!, host: "localhost" });
    const { owner } = await other.read(headers);
    if (owner === null) throw new Error("The other node does not know the sign-in.");
    const startedMs = performance.now();
    const revoked = one.endAll(owner);
    while ((await other.read(headers)).owner !== null) await new Promise((resolve) => setImmediate(resolve));
    times.push(performance.now() - startedMs);
    await revoked;
  }
  await Promise.all([one.close(), other.close()]);
  return times;
}
