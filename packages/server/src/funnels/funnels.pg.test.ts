import { afterAll, beforeAll, expect, test } from "vitest";
import { v7 as uuidv7 } from "uuid";
import { createProjections } from "../projections/projections.ts";
import {
  cancel,
  createBank,
  createLedger,
  draft,
  notes,
  start,
  submit,
  TestClient,
  transfer,
} from "../testing/bank.ts";
import { eventually } from "../testing/eventually.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { createFunnels } from "./funnels.ts";

const { pool } = await freshDatabase();
let nowMs = Date.UTC(2026, 10, 30, 12);
const node = createBank(pool, { sweeps: false, now: () => nowMs });
const funnels = createFunnels({ database: pool, flows: [transfer, notes] });
const projections = createProjections({ database: pool, projections: [funnels.projection] });

beforeAll(async () => {
  await node.migrate();
  await projections.migrate();
  await Promise.all([funnels.migrate(), funnels.migrate()]);
  await createLedger(pool);
  await projections.start();
});
afterAll(async () => {
  await projections.close();
  await node.close();
});

const rowsOf = async (text: string) => (await pool.query(text)).rows as unknown[];

test("S22: the views count who reached, left and finished each step, once, and nothing that was typed", async () => {
  const phone = new TestClient(node, "ada", "Phone");
  const laptop = new TestClient(node, "ada", "Laptop");
  const finished = await phone.untilReview();
  nowMs += 90_000;
  await laptop.one(finished.review);
  const left = await phone.untilReview();
  await phone.one(cancel(left.session));
  const forgotten = uuidv7();
  await phone.push(start(forgotten), submit(forgotten, "recipient", { name: "Canary", iban: "BE" }));
  nowMs += 40 * 86_400_000;
  await node.sweep();

  await eventually(async () => {
    expect(
      await rowsOf(`
        select step, entered::int, submitted::int, corrected::int, cancelled::int, expired::int, lifted_out::int
        from sessions.funnel_steps where flow = 'transfer' and month = '2026-11-01' order by step`),
    ).toEqual([
      { step: "amount", entered: 3, submitted: 2, corrected: 0, cancelled: 0, expired: 1, lifted_out: 0 },
      { step: "recipient", entered: 3, submitted: 3, corrected: 0, cancelled: 0, expired: 0, lifted_out: 0 },
      { step: "review", entered: 2, submitted: 1, corrected: 0, cancelled: 1, expired: 0, lifted_out: 0 },
    ]);
  });
  expect(
    await rowsOf(`
      select version, started::int, completed::int, completed_elsewhere::int, cancelled::int, expired::int, seconds::float
      from sessions.funnel_sessions`),
  ).toEqual([{ version: 1, started: 3, completed: 1, completed_elsewhere: 1, cancelled: 1, expired: 1, seconds: 90 }]);
  expect(
    await rowsOf("select below_s::int, n::int from sessions.funnel_durations where step = 'review' order by below_s"),
  ).toEqual([{ below_s: 128, n: 1 }]);
  expect(await rowsOf("select * from sessions.funnel_session")).toEqual([]);
  expect(JSON.stringify(await rowsOf("select * from sessions.funnel_count"))).not.toContain("Canary");
});

test("S22: what was counted of a session under way holds nothing that was typed, and goes on after a restart", async () => {
  const ada = new TestClient(node, "ada");
  const session = uuidv7();
  const first = submit(session, "left", { text: "Canary" });
  await ada.push(start(session, "notes"), first);
  const open = async () => rowsOf("select session_id, state from sessions.funnel_session");
  await eventually(async () =>
    expect(await open()).toMatchObject([{ session_id: session, state: { current: "middle" } }]),
  );
  expect(JSON.stringify(await open())).not.toContain("Canary");

  await projections.close();
  const again = createProjections({ database: pool, projections: [funnels.projection] });
  await again.start();
  await ada.one(submit(session, "left", { text: "Another" }, { left: first.id }));
  await eventually(async () =>
    expect(
      await rowsOf(
        "select entered::int, submitted::int, corrected::int from sessions.funnel_steps where step = 'left'",
      ),
    ).toEqual([{ entered: 1, submitted: 1, corrected: 1 }]),
  );
  await again.close();
});

test("S22: the views tell the time before the first draft of a step from the time after it", async () => {
  await projections.close();
  const again = createProjections({ database: pool, projections: [funnels.projection] });
  await again.start();
  nowMs += 31 * 86_400_000;
  const month = `'${new Date(nowMs).toISOString().slice(0, 7)}-01'`;
  const eve = new TestClient(node, "eve");
  const [quick, slow] = [uuidv7(), uuidv7()];
  await eve.push(start(quick, "notes"), start(slow, "notes"));
  nowMs += 60_000;
  await eve.one(draft(slow, "left", "text", "Canary", nowMs));
  nowMs += 5_000;
  await eve.push(submit(quick, "left", { text: "Canary" }), submit(slow, "left", { text: "Canary" }));
  await eventually(async () =>
    expect(
      await rowsOf(`
        select submitted::int, seconds::float, drafted::int, seconds_before::float, seconds_typing::float
        from sessions.funnel_steps where flow = 'notes' and step = 'left' and month = ${month}`),
    ).toEqual([{ submitted: 2, seconds: 130, drafted: 1, seconds_before: 60, seconds_typing: 5 }]),
  );
  // The time of a step counts once among the durations.
  expect(
    await rowsOf(`
      select sum(n)::int as n from sessions.funnel_durations
      where flow = 'notes' and step = 'left' and month = ${month}`),
  ).toEqual([{ n: 2 }]);
  await again.close();
});
