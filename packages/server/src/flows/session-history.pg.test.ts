import { sql } from "kysely";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createProjections } from "../projections/projections.ts";
import { project } from "../projections/projection.ts";
import { cancel, createBank, createLedger, notes, start, submit, TestClient, transfer } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { eventually } from "../testing/eventually.ts";
import { sessionHistory } from "./session-history.ts";

const { pool } = await freshDatabase();
const node = createBank(pool, { sweeps: false });

const completedMail = project(sessionHistory([transfer, notes]), {
  name: "completed_mail",
  handle: async (entry, { tx }) => {
    if (entry.flow === "transfer" && entry.status === "completed") {
      await sql`insert into mail (session_id, owner) values (${entry.session}::uuid, ${entry.owner})`.execute(tx);
    }
    const step = entry.type === "submitted" ? entry.step : null;
    const cents =
      entry.flow === "transfer" && entry.type === "submitted" && entry.step === "amount" ? entry.data.cents : 0;
    await sql`
      insert into path (session_id, number, type, step, cents, flow)
      values (${entry.session}::uuid, ${entry.number}, ${entry.type}, ${step}, ${cents}, ${entry.flow})`.execute(tx);
  },
});
const projections = createProjections({ database: pool, projections: [completedMail] });

beforeAll(async () => {
  await node.migrate();
  await projections.migrate();
  await createLedger(pool);
  await pool.query(`
    create table mail (session_id uuid primary key, owner text);
    create table path (session_id uuid, number integer, type text, step text, cents integer, flow text,
      primary key (session_id, number))`);
  await projections.start();
});
afterAll(async () => {
  await projections.close();
  await node.close();
});

const pathOf = async (session: string) =>
  (await pool.query("select type, step, cents, flow from path where session_id = $1 order by number", [session])).rows;

test("S22: a projection gets the entries of each session in their order, typed, and each once", async () => {
  const ada = new TestClient(node, "ada");
  const { session, review } = await ada.untilReview();
  await ada.one(review);
  const note = uuidv7();
  await ada.push(start(note, "notes"), submit(note, "left", { text: "x" }), cancel(note));
  await eventually(async () => {
    expect(await pathOf(session)).toEqual([
      { type: "started", step: null, cents: 0, flow: "transfer" },
      { type: "submitted", step: "recipient", cents: 0, flow: "transfer" },
      { type: "submitted", step: "amount", cents: 12_300, flow: "transfer" },
      { type: "submitted", step: "review", cents: 0, flow: "transfer" },
    ]);
    expect((await pathOf(note)).map(({ type }: { type: string }) => type)).toEqual(["started", "submitted", "ended"]);
  });
  expect((await pool.query("select * from mail")).rows).toEqual([{ session_id: session, owner: "ada" }]);
});
