import { afterAll, expect, test } from "vitest";
import { Pool } from "pg";
import type { SessionsError } from "@sessions/core/internal";
import { likes, reading, testActivity } from "../testing/activity/activities.ts";
import { eventually } from "../testing/eventually.ts";
import { startPostgres } from "../testing/embedded/postgres-server.ts";
import { Random } from "../testing/random.ts";
import { builtSessions, sessionizedLog } from "../testing/activity/sessionized.ts";
import { repetitions } from "../../../../scripts/repetitions.ts";
import { newEventId } from "./recorder/event-id.ts";

const server = await startPostgres();
afterAll(() => server.stop());

/** A pool whose connections may be killed at any moment. */
function mortalPool(): Pool {
  const pool = new Pool({ connectionString: server.url, max: 5 });
  pool.on("error", () => {});
  return pool;
}

async function positionOn(pool: Pool): Promise<string> {
  const { rows } = await pool.query<{ snapshot: string }>("select snapshot from sessions.projection_feed");
  return rows[0]!.snapshot;
}

test(
  "S14, S22: Postgres is killed again and again under three nodes: each event that was told stored is there, and the activity sessions are those of the log",
  async () => {
    const random = new Random(14);
    const pools = Array.from({ length: 3 }, mortalPool);
    const faults: SessionsError[] = [];
    const nodes = pools.map((pool) => testActivity(pool, {}, faults));
    await nodes[0]!.migrate();
    for (const node of nodes) await node.start();
    const told = new Set<string>();
    let isRunning = true;
    const writers = Array.from({ length: 12 }, async (_, writer) => {
      while (isRunning) {
        const at = Date.now() - random.between(0, 26 * 60) * 60_000;
        const options = { id: newEventId(at) };
        const data = { post: random.pick(["a", "b", "c"]) };
        const owner = `owner ${writer % 5}`;
        const isLike = random.next() < 0.5;
        const record = () => {
          const node = random.pick(nodes);
          return isLike
            ? node.record(owner, "post_liked", data, options)
            : node.record(owner, "post_opened", data, options);
        };
        // A caller that does not know whether an event is stored records it again, maybe on another node.
        while (
          !(await record().then(
            () => told.add(options.id),
            () => false,
          ))
        );
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    for (let round = 0; round < repetitions({ few: 2, many: 20 }); round += 1) {
      // Building goes on between two kills, and hardly ever has nothing to do.
      const before = { told: told.size, position: await positionOn(pools[0]!) };
      await eventually(async () => {
        expect(told.size).toBeGreaterThan(before.told + 200);
        expect(await positionOn(pools[0]!)).not.toBe(before.position);
      }, 30_000);
      await server.kill();
      await server.restart();
    }
    const before = told.size;
    await eventually(async () => expect(told.size).toBeGreaterThan(before + 200), 30_000);
    isRunning = false;
    await Promise.all(writers);
    const pool = pools[0]!;
    await eventually(async () => {
      const { rows } = await pool.query<{ waiting: boolean }>(
        `select scanning or exists (select from sessions.activity_event
          where not pg_visible_in_snapshot(xid, feed.snapshot::pg_snapshot)) as waiting from sessions.projection_feed as feed`,
      );
      expect(rows[0]!.waiting).toBe(false);
    }, 30_000);
    const { rows } = await pool.query<{ id: string }>("select id from sessions.activity_event");
    expect(new Set(rows.map(({ id }) => id))).toEqual(told);
    // All can change no more: so the pieces of each run are joined.
    const later = testActivity(pool, { now: () => Date.now() + 10 * 86_400_000 });
    await later.sweep();
    await later.close();
    expect(await builtSessions(pool)).toEqual(await sessionizedLog(pool, [reading, likes]));
    for (const node of nodes) await node.close();
    for (const one of pools) await one.end();
    expect(faults.filter(({ code }) => code !== "database_unreachable")).toEqual([]);
  },
  repetitions({ few: 90_000, many: 600_000 }),
);
