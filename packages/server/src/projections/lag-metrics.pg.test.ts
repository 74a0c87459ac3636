import { metrics } from "@opentelemetry/api";
import { v7 as uuidv7 } from "uuid";
import { afterAll, expect, test } from "vitest";
import { eventually } from "../testing/eventually.ts";
import { collectMetrics } from "../testing/metrics.ts";
import { addToFold, foldOf } from "../testing/projections/fold.ts";
import { append, createLog } from "../testing/projections/log.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { createTimedProjections } from "./projections.ts";

const { pool } = await freshDatabase();
const collected = collectMetrics();
afterAll(() => metrics.disable());

test("the metrics say how far each projection is behind, in time and entries, and how many sessions wait", async () => {
  const gate = { open: () => {} };
  const opened = new Promise<void>((resolve) => (gate.open = resolve));
  const slow = foldOf({
    handleBatch: async (entries, context) => {
      await opened;
      if (entries.some(({ value }) => value === 13)) throw new Error("It is 13.");
      await addToFold(entries, context);
    },
  });
  const node = createTimedProjections({ database: pool, projections: [slow], onError: () => {} }, { pollMs: 20 });
  await node.migrate();
  await createLog(pool);
  await node.start();
  await node.caughtUp("fold", "now");
  const valuesOf = async () => {
    const found = await collected();
    return ["lag", "behind", "waiting"].map((name) => found[`sessions.projection.${name}`]?.[0]?.value);
  };
  expect(await valuesOf()).toEqual([0, 0, 0]);
  const bad = uuidv7();
  await append(pool, "ada", bad, 1, [1, 13], Date.now() - 60_000);
  await append(pool, "bob", uuidv7(), 1, [1, 2, 3]);
  const [lagMs, behind, waiting] = await valuesOf();
  expect([behind, waiting]).toEqual([5, 0]);
  expect(lagMs).toBeGreaterThan(59_000);
  expect(lagMs).toBeLessThan(90_000);
  gate.open();
  await eventually(async () => expect(await valuesOf()).toEqual([0, 0, 1]));
  const found = await collected();
  expect(found["sessions.projection.lag"]![0]!.attributes).toEqual({ projection: "fold", version: 1 });
  expect(JSON.stringify(found)).not.toContain("ada");
  await node.close();
});
