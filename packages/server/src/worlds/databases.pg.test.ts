import { Client } from "pg";
import { beforeAll, expect, test } from "vitest";
import { postgresBus } from "../index.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { worlds } from "./databases.ts";
import { prepare, tellStory } from "./story.ts";

const { pool, url } = await freshDatabase();
beforeAll(() => prepare(pool));

test.for(Object.entries(worlds))("S26: %s", { timeout: 60_000 }, async ([name, open]) => {
  const world = open(url);
  try {
    if (world.own) await prepare(world.database);
    const bus = world.own ? undefined : postgresBus({ client: () => new Client({ connectionString: url }) });
    await tellStory(world.database, `ada of ${name}`, bus);
  } finally {
    await world.close();
  }
});

test("S26: a synchronous commit is waited for where the default is not to", async () => {
  const world = worlds["a commit that does not wait"]!(url);
  const { kyselyOver } = await import("../postgres/database.ts");
  const { sql } = await import("kysely");
  const db = kyselyOver(world.database);
  const ask = sql<{ set: string }>`select current_setting('synchronous_commit') as set`;
  expect((await ask.execute(db)).rows).toEqual([{ set: "on" }]);
  expect((await db.transaction().execute((tx) => ask.execute(tx))).rows).toEqual([{ set: "on" }]);
  await world.close();
});
