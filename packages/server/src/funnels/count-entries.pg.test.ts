import type { Kysely } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import { createKysely, type Database } from "../postgres/database.ts";
import { bruteForce, countKey, historyOf } from "../testing/funnels/histories.ts";
import { emptyPGlite } from "../testing/pglite.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { Random } from "../testing/random.ts";
import { countEntries } from "./count-entries.ts";
import { createFunnels } from "./funnels.ts";
import type { Count } from "./session-rules.ts";

const SESSIONS = 1_000;
const { pool } = await freshDatabase();

test.for<readonly [string, () => Promise<Database>]>([
  ["Postgres", async () => pool],
  [
    "PGlite",
    async () => {
      const database = await emptyPGlite();
      onTestFinished(() => database.close());
      return database;
    },
  ],
])("S22: on %s, the tables of a funnel equal a count over the histories of all sessions", async ([, open]) => {
  const database = await open();
  // The tables of funnels are made without those of the sessions.
  const db = createKysely(database) as unknown as Kysely<object>;
  await createFunnels({ database, flows: [] }).migrate();
  const histories = Array.from({ length: SESSIONS }, (_, seed) => {
    const session = `0190b2f4-0000-7000-8000-${String(seed).padStart(12, "0")}`;
    return historyOf(seed).map((entry) => ({ ...entry, session }));
  });
  // Entries of many sessions come in turns, those of one session in their order.
  const random = new Random(5);
  const left = histories.map((history) => [...history]);
  while (left.some((entries) => entries.length > 0)) {
    const batch = left.flatMap((entries) => entries.splice(0, random.between(0, 3)));
    if (batch.length > 0) await db.transaction().execute((tx) => countEntries(tx, "sessions", batch));
  }
  const { rows } = await (database as typeof pool).query<{ version: number; step: string; counted: string; n: number }>(
    "select version, step, counted, sum(n)::integer as n from sessions.funnel_count group by version, step, counted",
  );
  const counted = rows.map(
    ({ version, step, counted: kind, n }) =>
      [countKey({ version, step: step === "" ? null : step, counted: kind as Count["counted"] }), n] as const,
  );
  expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(bruteForce(histories)));
  const { rows: underWay } = await (database as typeof pool).query("select from sessions.funnel_session");
  const active = histories.filter((history) => history.at(-1)!.status === "active");
  expect(underWay).toHaveLength(active.length);
});
