import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { createBank, start, submit, TestClient } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";

const { pool } = await freshDatabase();
const nowMs = Date.UTC(2026, 10, 30);
const bank = () => createBank(pool, { sweeps: false, now: () => nowMs });

const counts = async () =>
  (await pool.query("select flow, version, month::text, step, code, n::int from sessions.refusal_count order by 5, 4"))
    .rows as unknown[];

test("refused commands are counted by step and code, by all nodes together, without what was typed", async () => {
  await bank().migrate();
  for (const node of [bank(), bank()]) {
    const ada = new TestClient(node, "ada");
    const session = uuidv7();
    await ada.push(start(session), submit(session, "recipient", { name: "", iban: "Canary" }));
    await ada.one(submit(session, "review", { accepted: true }, { review: null, recipient: null, amount: null }));
    await ada.one(submit(session, "Canary", {}));
    await ada.one(submit(uuidv7(), "amount", { cents: 1 }));
    await ada.one({ ...start(uuidv7()), flow: "Canary" });
    await node.close();
  }
  const common = { flow: "transfer", version: 1, month: "2026-11-01", n: 2 };
  expect(await counts()).toEqual([
    { ...common, step: "recipient", code: "invalid_input" },
    { ...common, step: "review", code: "step_unreachable" },
    { ...common, step: "", code: "unknown_step" },
  ]);
});
