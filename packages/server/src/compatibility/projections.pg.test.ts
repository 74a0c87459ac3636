import { beforeAll, test } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";
import { testDatabases } from "./databases.ts";
import { prepareProjections, runProjectionScenario } from "./projection-scenario.ts";

const { pool, url } = await freshDatabase();
beforeAll(() => prepareProjections(pool));

test.for([
  "pg, repeatable read",
  "pg, serializable, deferrable and read only",
  "pg, pipelined, serializable",
  "pg, one connection, repeatable read",
  "pg, every value as text, serializable",
  "pg, results in binary",
  "postgres.js, repeatable read",
  "postgres.js, serializable, read only",
  "postgres.js, names in camel case",
  "PGlite, json as text, serializable",
  "Kathmandu, German dates",
  "other plans",
])("S22, S26: %s: each entry is applied once", { timeout: 60_000 }, async (name, { task }) => {
  const opened = testDatabases[name]!(url);
  try {
    if (opened.own) await prepareProjections(opened.database);
    await runProjectionScenario(opened.database, `sums_${task.id.replaceAll(/\W/g, "_")}`.toLowerCase());
  } finally {
    await opened.close();
  }
});
