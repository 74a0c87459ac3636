import { beforeAll, expect, test } from "vitest";
import { createBank, createLedger } from "../bank.ts";
import { fuzz } from "./fuzz.ts";
import { freshDatabase } from "../postgres.ts";

const { pool } = await freshDatabase();
beforeAll(async () => {
  await createBank(pool).migrate();
  await createLedger(pool);
});

test("S25: whatever a client sends is answered by the schema or a refusal", async () => {
  const { statuses } = await fuzz({ database: pool, runs: 400, forMs: 4_000, seed: 25 });
  expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400]));
});
