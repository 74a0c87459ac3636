import { Client } from "pg";
import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { createTimedProjections } from "../projections/projections.ts";
import { foldOf, wrongStreams } from "../testing/projections/fold.ts";
import { append, createLog } from "../testing/projections/log.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { openDashboard } from "../testing/dashboard/seen-by-operators.ts";
import { base, headersOf, operators } from "../testing/dashboard/operators.ts";

const { pool, url } = await freshDatabase();

test("S22: a transaction that has written and then idles delays no other entry, in another database too, and is named", async () => {
  const node = createTimedProjections({ database: pool, projections: [foldOf()] }, { pollMs: 100 });
  await node.migrate();
  await createLog(pool);
  await node.start();
  let laterMs = 0;
  const dashboard = await openDashboard(pool, { now: () => Date.now() + laterMs });
  /** The databases of transactions that the page on health names as idle after they have written. */
  const idleOnHealth = async () => {
    const headers = headersOf(operators.operator);
    const page = await (await dashboard.fetch(new Request(`${base}?view=health`, { headers }))).text();
    const rows = page.split("<tr>").filter((row) => row.includes("idle in transaction, and has written"));
    return rows.map((row) => /<bdi>(.*?)<\/bdi>/.exec(row)![1]);
  };
  const elsewhere = new URL(url);
  elsewhere.pathname = `${elsewhere.pathname}_idle`;
  const database = elsewhere.pathname.slice(1);
  await pool.query(`create database ${database} template template0`);
  const [here, there] = [new Client({ connectionString: url }), new Client({ connectionString: elsewhere.href })];
  await Promise.all([here.connect(), there.connect()]);
  try {
    expect(await idleOnHealth()).not.toContain(database);
    const idle = uuidv7();
    await here.query("begin");
    await append(here, "ada", idle, 1, [1]);
    await there.query("begin; create table written (n integer); insert into written values (1)");
    // Those that come later, and those that were under way when these began, are applied in time.
    for (let round = 1; round <= 5; round += 1) {
      const stream = uuidv7();
      await append(pool, "bob", stream, 1, [round, 2]);
      await node.caughtUp("fold", { owner: "bob", session: stream }, { timeMs: 2_000 });
    }
    const beganMs = performance.now();
    const stream = uuidv7();
    await append(pool, "bob", stream, 1, [7]);
    await node.caughtUp("fold", "now", { timeMs: 2_000 });
    expect(performance.now() - beganMs).toBeLessThan(1_000);
    expect((await node.status())[0]).toMatchObject({ behind: { rows: 0 } });

    laterMs += 5_000;
    const named = await idleOnHealth();
    expect(named).toEqual(expect.arrayContaining([new URL(url).pathname.slice(1), database]));
    await here.query("commit");
    await node.caughtUp("fold", { owner: "ada", session: idle });
    expect(await wrongStreams(pool)).toEqual([]);
  } finally {
    await Promise.all([here.end(), there.end()]);
    await pool.query(`drop database ${database} with (force)`);
    await dashboard.close();
    await node.close();
  }
});
