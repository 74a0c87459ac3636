import { setTimeout } from "node:timers/promises";
import { Pool, type QueryResult, type QueryResultRow } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { repetitions } from "../../../../../scripts/repetitions.ts";
import { createKysely } from "../../postgres/database.ts";
import type { Tables } from "../rows/tables.ts";
import { createBank, createLedger, type LedgerRow } from "../../testing/bank.ts";
import { startPostgres, type PostgresServer } from "../../testing/embedded/postgres-server.ts";
import type { Answered } from "../../testing/crash/caller.ts";
import { breaches } from "../../testing/crash/checker.ts";
import { Fleet } from "../../testing/crash/fleet.ts";
import { writeThroughCrashes } from "../../testing/crash/crash.ts";

let postgres: PostgresServer;
let pool: Pool;
let fleet: Fleet;

beforeAll(async () => {
  // A server of its own, to be killed. Only a killed system would lose what was written and not yet synced.
  postgres = await startPostgres(["fsync=off"]);
  pool = new Pool({ connectionString: postgres.url });
  pool.on("error", () => {});
  await createBank(pool).migrate();
  await createLedger(pool);
  fleet = new Fleet(postgres.url);
  await fleet.start(3);
}, 60_000);
afterAll(async () => {
  await fleet.close();
  await pool.end();
  await postgres.stop();
});

const SERVERS_KILLED = repetitions({ few: 4, many: 50 });
const POSTGRES_KILLED = repetitions({ few: 4, many: 40 });

const everything: Answered[] = [];

async function judged(log: readonly Answered[]) {
  everything.push(...log);
  const { rows: ledger } = await persistently<LedgerRow>("select session_id, owner from ledger");
  const found = await breaches({
    db: createKysely<Tables>(pool).withSchema("sessions"),
    ledger,
    log: everything,
    atMost: 20,
  });
  const accepted = log.filter(({ outcome }) => outcome.status === "accepted").length;
  return { found, accepted, limited: log.length - accepted, completed: ledger.length };
}

test(
  "S14: a server is killed again and again while all write: what was acknowledged is there, once",
  { timeout: 600_000 },
  async () => {
    const log = await writeThroughCrashes({
      seed: 14,
      rounds: SERVERS_KILLED,
      urls: () => fleet.urls,
      crash: (random) => fleet.killOne(random),
    });
    const { found, accepted, completed } = await judged(log);
    expect(found).toEqual([]);
    expect(accepted).toBeGreaterThan(17 * SERVERS_KILLED);
    expect(completed).toBeGreaterThan(1.5 * SERVERS_KILLED);
  },
);

test(
  "S14: Postgres is killed again and again while all write: what was acknowledged is there, once",
  { timeout: 600_000 },
  async () => {
    const log = await writeThroughCrashes({
      seed: 15,
      rounds: POSTGRES_KILLED,
      urls: () => fleet.urls,
      crash: async (random) => {
        if (random.next() < 0.5) return crashOneBackend();
        await persistently("select 1");
        await postgres.kill();
        await postgres.restart();
      },
    });
    const { found, accepted } = await judged(log);
    expect(found).toEqual([]);
    expect(accepted).toBeGreaterThan(9 * POSTGRES_KILLED);
  },
);

/** One killed connection makes Postgres end all others and recover from its log. */
async function crashOneBackend(): Promise<void> {
  const { rows } = await persistently<{ pid: number }>(
    "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1",
  );
  if (rows[0]) process.kill(rows[0].pid, "SIGKILL");
}

/** Asks until Postgres, which may still be recovering, answers. */
async function persistently<Row extends QueryResultRow>(query: string): Promise<QueryResult<Row>> {
  for (;;) {
    try {
      return await pool.query<Row>(query);
    } catch {
      await setTimeout(20);
    }
  }
}
