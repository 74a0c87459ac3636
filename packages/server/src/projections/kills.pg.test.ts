import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, expect, test } from "vitest";
import { repetitions } from "../../../../scripts/repetitions.ts";
import { Fleet } from "../testing/crash/fleet.ts";
import { eventually } from "../testing/eventually.ts";
import { wrongStreams } from "../testing/projections/fold.ts";
import { append, createLog } from "../testing/projections/log.ts";
import { startPostgres } from "../testing/embedded/postgres-server.ts";
import { Random } from "../testing/random.ts";
import { createProjections } from "./projections.ts";

const WRITERS = 64;
/** Of a transaction, at most. */
const ENTRIES = 160;
const total = Number(process.env["ENTRIES"] ?? repetitions({ few: 100_000, many: 1_000_000 }));
const rounds = repetitions({ few: 4, many: 50 });
const slowestMs = repetitions({ few: 500, many: 5_000 });

const server = await startPostgres();
const pools = Array.from({ length: 3 }, () => {
  const pool = new Pool({
    connectionString: server.url,
    max: 22,
    connectionTimeoutMillis: 5_000,
    query_timeout: 20_000,
  });
  pool.on("error", () => {});
  // A killed Postgres also ends connections between two statements of a transaction.
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
});
const fleet = new Fleet(server.url, "projector-process.ts");
afterAll(async () => {
  await fleet.close();
  await Promise.all(pools.map((pool) => pool.end()));
  await server.stop();
});

/** Writes to streams of its own, one transaction after the other. `written` is told how many entries each has committed. */
async function write(pool: Pool, random: Random, isDone: () => boolean, written: (entries: number) => void) {
  const owner = uuidv7();
  const streams = Array.from({ length: 8 }, () => ({ id: uuidv7(), head: 0 }));
  while (!isDone()) {
    const stream = random.pick(streams);
    const client = await pool.connect().catch(() => undefined);
    if (client === undefined) {
      await sleep(20);
      continue;
    }
    let broken: Error | undefined;
    try {
      await client.query("begin");
      const values = Array.from({ length: random.between(1, ENTRIES) }, () => random.between(1, 1_000));
      await append(client, owner, stream.id, stream.head + 1, values);
      if (random.next() < 0.02) await sleep(random.between(1, slowestMs));
      if (random.next() < 0.05) {
        await client.query("rollback");
      } else {
        await client.query("commit");
        stream.head += values.length;
        written(values.length);
      }
    } catch (error) {
      // Postgres was killed: nobody knows whether it has committed.
      broken = error as Error;
    }
    client.release(broken);
    while (broken !== undefined) {
      try {
        const { rows } = await pool.query<{ head: number }>(
          "select coalesce(max(number), 0) as head from sessions.log where stream = $1",
          [stream.id],
        );
        stream.head = rows[0]!.head;
        broken = undefined;
      } catch {
        await sleep(20);
      }
    }
  }
}

test(
  "S22: the fold of the log is what it must be, no matter which projector or Postgres is killed",
  async () => {
    const seed = Date.now() % 1_000_000;
    const random = new Random(seed);
    const [pool] = pools as [Pool, ...Pool[]];
    const operator = createProjections({ database: pool, projections: [] });
    await operator.migrate();
    await createLog(pool);
    await fleet.start(3);

    let count = 0;
    const isDone = () => count >= total;
    const writing = Array.from({ length: WRITERS }, (_, index) =>
      write(pools[index % pools.length]!, new Random(seed + index), isDone, (entries) => (count += entries)),
    );
    for (let round = 1; round <= rounds; round += 1) {
      while (count < (total * round) / (rounds + 1)) await sleep(20);
      if (round % 2 === 1) await fleet.killOne(random);
      else {
        await server.kill();
        await server.restart();
      }
    }
    await Promise.all(writing);
    await eventually(async () => expect(await wrongStreams(pool), `seed ${seed}`).toEqual([]), 60_000);
    const { rows } = await pool.query(`
    select (select count(*) from sessions.log) as written,
      (select sum(applied) from sessions.projection_progress) as applied,
      (select count(*) from sessions.projection_fault) as faults`);
    expect(rows[0], `seed ${seed}`).toEqual({ written: rows[0].written, applied: rows[0].written, faults: "0" });
    expect(Number(rows[0].written)).toBeGreaterThanOrEqual(total);
    await operator.close();
  },
  repetitions({ few: 180_000, many: 1_800_000 }),
);
