import { setImmediate } from "node:timers/promises";
import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Outcome } from "@sessions/core";
import { repetitions } from "../../../../scripts/repetitions.ts";
import { createBank, start, submit, TestClient } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { Random } from "../testing/random.ts";

const { pool, url } = await freshDatabase();
const hourMs = 3_600_000;
let nowMs = Date.UTC(2026, 4, 30, 12);
/** The sweeper's clock runs ahead at times, so that it finds due what is still being touched. */
let sweeperMs = nowMs;
const pools = Array.from({ length: 3 }, () => new Pool({ connectionString: url, max: 4 }));
const nodes = pools.slice(1).map((each) => createBank(each, { now: () => nowMs, sweeps: false }));
const sweeper = createBank(pools[0]!, { now: () => sweeperMs, sweeps: false });
const random = new Random(7);

const ROUNDS = repetitions({ few: 2, many: 40 });
const TRIALS_PER_ROUND = 500;

beforeAll(() => sweeper.migrate());
afterAll(() => Promise.all(pools.map((each) => each.end())));

test(
  "S7: in races of a sweep and a submission at the deadline, none is ended that was touched in time",
  { timeout: 600_000 },
  async () => {
    let [intime, expired] = [0, 0];
    for (let round = 0; round < ROUNDS; round += 1) {
      const outcomes = await race();
      await sweeper.sweep();
      const found = await historyOf([...outcomes.keys()]);
      for (const [id, outcome] of outcomes) {
        const accepted = outcome.status === "accepted";
        const refusal = accepted ? null : outcome.refusal.code;
        expect([id, refusal, found.get(id)]).toEqual(
          accepted ? [id, null, "active 2: start submit"] : [id, "expired", "expired 2: start end"],
        );
        if (accepted) intime += 1;
        else expired += 1;
      }
      // What was touched would be due in the next round.
      await pool.query("delete from sessions.session");
    }
    expect(intime + expired).toBe(ROUNDS * TRIALS_PER_ROUND);
    expect(Math.min(intime, expired)).toBeGreaterThan(25 * ROUNDS);
  },
);

/** Submits to sessions that are all about to expire, from two nodes, while a third sweeps; their clock strikes on the way. */
async function race(): Promise<ReadonlyMap<string, Outcome>> {
  const tellers = Array.from({ length: 10 }, (_, index) => new TestClient(nodes[index % 2]!, uuidv7()));
  const ids = Array.from({ length: TRIALS_PER_ROUND }, () => uuidv7());
  await Promise.all(
    tellers.map((teller, index) =>
      teller.push(...ids.filter((_, at) => at % tellers.length === index).map((id) => start(id, "notes"))),
    ),
  );
  // On the hour: the sweep may take them from the very millisecond of their deadline.
  const deadlineMs = nowMs + 72 * hourMs;
  expect(deadlineMs % hourMs).toBe(0);
  nowMs = deadlineMs - 1;

  const sweepsAt = random.between(TRIALS_PER_ROUND / 2, (4 * TRIALS_PER_ROUND) / 5);
  const strikesAt = random.between((4 * TRIALS_PER_ROUND) / 5, TRIALS_PER_ROUND - 20);
  const outcomes = new Map<string, Outcome>();
  const racing: Promise<unknown>[] = [];
  for (const [index, id] of ids.entries()) {
    if (index === sweepsAt) {
      sweeperMs = deadlineMs;
      racing.push(sweeper.sweep());
    }
    if (index === strikesAt) nowMs = deadlineMs;
    const submission = tellers[index % tellers.length]!.one(submit(id, "left", { text: "in time?" }));
    racing.push(submission.then((outcome) => outcomes.set(id, outcome)));
    if (random.next() < 0.3) await setImmediate();
  }
  await Promise.all(racing);
  return outcomes;
}

/** What became of sessions: where they are, at which revision, and what their history says. */
async function historyOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { rows } = await pool.query<{ id: string; history: string }>(
    `select id, status || ' ' || revision || ': ' || (
       select string_agg(body #>> '{change,kind}', ' ' order by event.entry)
       from sessions.session_event as event where event.owner_id = found.owner_id and session_id = id
     ) as history
     from (
       select owner_id, id, 'active' as status, revision from sessions.session
       union all select owner_id, id, status, revision from sessions.session_archive
     ) as found where id = any($1)`,
    [ids],
  );
  expect(rows.length).toBe(ids.length);
  return new Map(rows.map((row) => [row.id, row.history]));
}
