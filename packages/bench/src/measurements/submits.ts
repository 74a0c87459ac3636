import { DBOS } from "@dbos-inc/dbos-sdk";
import connectPgSimple from "connect-pg-simple";
import session, { type SessionData } from "express-session";
import { VirtualUsers } from "../virtual-users.ts";
import { createNode } from "../servers/application.ts";
import type { DurablePostgres } from "../servers/database.ts";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { compareVariants, medianOf, throughput, type Variant } from "../rounds.ts";

const CALLERS = [1, 8, 64, 256];
const PLAIN_ROWS = 20_000;

/** 1: durable submissions a second through the engine, compared with other ways to keep a state in Postgres. */
export async function measureSubmits(
  postgres: DurablePostgres,
  { rounds, roundMs }: BenchmarkSize,
): Promise<Measurement> {
  const { pool } = await postgres.create("submits");
  const steps = await postgres.create("steps");
  const node = createNode(pool);
  await node.migrate();
  const users = new VirtualUsers(node, Math.max(...CALLERS), "owner");
  await users.begin(1, 8);
  let snapshot = await users.snapshotAfter(0);
  for (let count = 1; count < 8; count += 1) snapshot = await users.snapshotAfter(0);
  const state = JSON.stringify(snapshot);

  await pool.query(`
    create table plain (id integer primary key, state jsonb not null, revision integer not null, updated_at timestamptz not null)
    with (fillfactor = 70)`);
  await pool.query("insert into plain select n, $1::jsonb, 1, now() from generate_series(1, $2::int) n", [
    state,
    PLAIN_ROWS,
  ]);
  let next = 0;
  const updateOne = () => {
    next = (next % PLAIN_ROWS) + 1;
    return pool.query({
      name: "plain",
      text: "update plain set state = $2, revision = revision + 1, updated_at = $3 where id = $1",
      values: [next, state, new Date().toISOString()],
    });
  };

  const PgStore = connectPgSimple(session);
  const store = new PgStore({ pool, createTableIfMissing: true, pruneSessionInterval: false });
  const expressSession = {
    ...(JSON.parse(state) as object),
    cookie: { originalMaxAge: 3_600_000 },
  } as unknown as SessionData;
  const set = (caller: number) =>
    new Promise<void>((resolve, reject) => {
      store.set(`sid-${caller}`, expressSession, (error: unknown) => (error ? reject(error) : resolve()));
    });

  DBOS.setConfig({ name: "bench", systemDatabaseUrl: steps.url, runAdminServer: false, logLevel: "error" });
  const workflow = DBOS.registerWorkflow(
    async (untilMs: number) => {
      let done = 0;
      for (; Date.now() < untilMs; done += 1)
        await DBOS.runStep(() => Promise.resolve(snapshot.data), { name: "submit" });
      return done;
    },
    { name: "task" },
  );
  await DBOS.launch();
  const dbosSteps = async (callers: number) => {
    const started = performance.now();
    const untilMs = Date.now() + roundMs;
    const done = await Promise.all(Array.from({ length: callers }, () => workflow(untilMs)));
    return (done.reduce((sum, count) => sum + count, 0) * 1_000) / (performance.now() - started);
  };

  const unit = "submits/s";
  const variants = CALLERS.flatMap((callers): readonly Variant[] => [
    {
      what: "engine",
      at: callers,
      unit,
      prepare: () => users.begin(callers, Math.ceil((roundMs * (callers === 1 ? 3 : 16)) / callers)),
      round: () => throughput(callers, roundMs, (caller) => users.submit(caller)),
    },
    { what: "one-row UPDATE", at: callers, unit, round: () => throughput(callers, roundMs, updateOne) },
    { what: "connect-pg-simple set", at: callers, unit, round: () => throughput(callers, roundMs, set) },
    { what: "DBOS step", at: callers, unit, round: () => dbosSteps(callers) },
  ]);
  const rows = await compareVariants(variants, rounds);
  await DBOS.shutdown();
  await node.close();

  const ratio = (other: string, at: number) => medianOf(rows, "engine", at) / medianOf(rows, other, at);
  return {
    name: "submits",
    title: "Durable submissions",
    how:
      "The callers are in the server's process, and each waits for its answer. They call the engine through the router's own " +
      "caller, with all schemas, rules, hashes and history. The UPDATE is prepared. It writes the same state as one jsonb to one of " +
      "20,000 rows, through the same pool. The `set` of the store writes it too. A DBOS step records its output. Each caller has " +
      "one long workflow.",
    rows,
    ratios: [
      { what: "engine ÷ one-row UPDATE, 64 callers", value: ratio("one-row UPDATE", 64), target: { atLeast: 3 } },
      { what: "engine ÷ one-row UPDATE, one caller", value: ratio("one-row UPDATE", 1), target: { atLeast: 0.8 } },
      { what: "engine ÷ connect-pg-simple set, 64 callers", value: ratio("connect-pg-simple set", 64) },
      { what: "engine ÷ DBOS step, 64 callers", value: ratio("DBOS step", 64), target: { atLeast: 25 } },
    ],
  };
}
